//! [`RedisStore`]: Redis or Valkey as the shared store. Only this file names the crate `redis`.
//!
//! There is one connection, which the link opens and drops. While there is none, commands fail at once instead of waiting.
//! Replies of a pipeline are read one by one, so that one rejected command does not hide the other replies.

mod address;
mod stream;
mod tls;

use std::{fmt, sync::PoisonError, time::Duration};

use bytes::Bytes;
use redis::{
    AsyncConnectionConfig, Pipeline, ProtocolVersion, RedisConnectionInfo, RedisError, Value,
    aio::MultiplexedConnection, pipe,
};
use secrecy::ExposeSecret;
use tokio::task::JoinHandle;

pub(crate) use self::{address::Address, tls::Roots};
use self::{
    stream::{Budget, Stream},
    tls::Tls,
};
use super::{Claim, LOG_LIFE, Page, Position, SharedStore, StoreError};
use crate::{BoxFuture, observe::StoreFault, sync::Mutex};

/// Redis from version 6.2 or Valkey from 7.2, at one address.
pub(crate) struct RedisStore {
    address: Address,
    tls: Option<Tls>,
    connection: Mutex<Option<Connection>>,
}

/// A connection with the task that drives it. The task ends with it.
struct Connection {
    commands: MultiplexedConnection,
    budget: Budget,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl RedisStore {
    /// Without roots, the certificates count that the platform trusts.
    pub(crate) fn new(address: Address, roots: Option<Roots>) -> Self {
        Self {
            tls: address.tls.then(|| Tls::new(roots)),
            address,
            connection: Mutex::new(None),
        }
    }

    async fn connect(&self) -> Result<Connection, StoreError> {
        let budget = Budget::new(MAX_RECEIVED);
        let stream = Stream::connect(&self.address, self.tls.as_ref(), budget.clone())
            .await
            .map_err(StoreError::new)?;
        // RESP2 needs no command but `AUTH` and `SELECT`, and has no messages that the server sends by itself.
        let mut info = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP2)
            .set_skip_set_lib_name()
            .set_db(self.address.database);
        if let Some(user) = &self.address.user {
            info = info.set_username(user);
        }
        if let Some(password) = &self.address.password {
            info = info.set_password(password.expose_secret());
        }
        // The callers limit the time of each command.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let (commands, driver) =
            MultiplexedConnection::new_with_config(&info, stream, config).await?;
        Ok(Connection {
            commands,
            budget,
            driver: tokio::spawn(driver),
        })
    }

    fn commands(&self) -> Result<MultiplexedConnection, StoreError> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let connection = connection.as_ref();
        connection
            .map(|it| it.commands.clone())
            .ok_or_else(|| StoreError::new("there is no connection"))
    }

    fn replace(&self, connection: Option<Connection>) {
        *self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = connection;
    }

    async fn run(&self, commands: &Pipeline) -> Result<Vec<Value>, StoreError> {
        let replies: Vec<Value> = commands.query_async(&mut self.commands()?).await?;
        match replies.len() == commands.len() {
            true => Ok(replies),
            false => Err(unexpected()),
        }
    }

    async fn exchange_once(
        &self,
        log: &str,
        publish: &[Bytes],
        from: Position,
    ) -> Result<Page, StoreError> {
        if let Some(connection) = &*self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
        {
            connection.budget.refill();
        }
        let replies = self.run(&exchange_commands(log, publish, from)).await?;
        read_exchange(replies, publish.len())
    }
}

impl SharedStore for RedisStore {
    fn open<'a>(&'a self) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async {
            self.replace(None);
            let connection = self.connect().await?;
            self.replace(Some(connection));
            Ok(())
        })
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        Box::pin(async move {
            let [record] = replies(self.run(pipeline().cmd("GET").arg(record(name))).await?)?;
            value(record)
        })
    }

    fn claim<'a>(
        &'a self,
        name: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        Box::pin(async move {
            let mut commands = pipeline();
            commands.cmd("SET").arg(lease_of(name)).arg("1").arg("NX");
            commands.arg("PX").arg(millis(lease));
            commands.cmd("GET").arg(record(name));
            let [lease, record] = replies(self.run(&commands).await?)?;
            let record = value(record)?;
            let won = match lease {
                Value::Okay => true,
                Value::Nil => false,
                // The record counts although the lease was rejected. Without either there is nothing to wait for.
                reply if record.is_none() => return Err(rejected(reply)),
                _ => false,
            };
            Ok(Claim { won, record })
        })
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        record: Option<(Bytes, Duration)>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut commands = pipeline();
            if let Some((content, rest)) = &record {
                commands.cmd("SET").arg(self::record(name)).arg(&**content);
                commands.arg("PX").arg(millis(*rest));
            }
            commands.cmd("DEL").arg(lease_of(name));
            let mut replies = self.run(&commands).await?;
            match (replies.pop(), replies.pop()) {
                (Some(Value::Int(_)), None | Some(Value::Okay)) => Ok(()),
                (Some(Value::Int(_)), Some(reply)) | (Some(reply), _) => Err(rejected(reply)),
                (None, _) => Err(unexpected()),
            }
        })
    }

    /// Drops the connection if it fails or is given up: the state of the server is not known then.
    fn exchange<'a>(
        &'a self,
        log: &'a str,
        publish: &'a [Bytes],
        from: Position,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        struct Close<'a>(Option<&'a RedisStore>);

        impl Drop for Close<'_> {
            fn drop(&mut self) {
                if let Some(store) = self.0 {
                    store.replace(None);
                }
            }
        }

        Box::pin(async move {
            let mut close = Close(Some(self));
            let page = self.exchange_once(log, publish, from).await?;
            close.0 = None;
            Ok(page)
        })
    }

    fn count<'a>(
        &'a self,
        counter: &'a str,
        window: u64,
    ) -> BoxFuture<'a, Result<(u64, u64), StoreError>> {
        Box::pin(async move {
            let name = |window: u64| format!("{counter}:w:{window}");
            let mut commands = pipeline();
            commands.cmd("INCR").arg(name(window));
            commands.cmd("PEXPIRE").arg(name(window)).arg(20_000);
            commands.cmd("GET").arg(name(window.saturating_sub(1)));
            let [count, expires, before] = replies(self.run(&commands).await?)?;
            // A counter that does not expire would be left behind for each window.
            let (Value::Int(count), Value::Int(1)) = (count, expires) else {
                return Err(unexpected());
            };
            let before = match value(before)? {
                Some(digits) => number(&digits).ok_or_else(unexpected)?,
                None => 0,
            };
            Ok((u64::try_from(count).map_err(StoreError::new)?, before))
        })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").finish_non_exhaustive()
    }
}

/// The text is the category and the server's code. The rest of a server's error is its own choice.
impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> Self {
        let code = error.code().filter(|code| is_code(code));
        let category = error.category().to_owned();
        Self::new(code.map_or(category.clone(), |code| format!("{category}: {code}")))
    }
}

/// The commands of an exchange: a write that shows that the server is no read-only copy, the messages, the time, a page.
fn exchange_commands(log: &str, publish: &[Bytes], from: Position) -> Pipeline {
    let stream = format!("{log}:r");
    let mut commands = pipeline();
    commands.cmd("SET").arg(format!("{log}:p")).arg("1");
    commands.arg("PX").arg(1_000);
    for message in publish {
        commands.cmd("XADD").arg(&stream);
        // The trim uses the store's time alone: a replica whose clock is ahead would empty the log.
        if from != Position::default() {
            let oldest = from.milliseconds.saturating_sub(LOG_LIFE);
            commands.arg("MINID").arg("~").arg(oldest);
        }
        commands.arg("*").arg("m").arg(&**message);
    }
    commands.cmd("TIME");
    if from != Position::default() {
        let Position {
            milliseconds,
            sequence,
        } = from;
        commands.cmd("XRANGE").arg(&stream);
        commands.arg(format!("({milliseconds}-{sequence}")).arg("+");
        commands.arg("COUNT").arg(PAGE);
    }
    commands
}

fn read_exchange(replies: Vec<Value>, published: usize) -> Result<Page, StoreError> {
    let mut replies = replies.into_iter();
    let mut next = || replies.next().ok_or_else(unexpected);
    match next()? {
        Value::Okay => {}
        // A full store is read as before. A copy that can only be read replies `READONLY` although it is full.
        Value::ServerError(error) if error.code() == "OOM" => {}
        reply => return Err(rejected(reply)),
    }
    let mut page = Page::default();
    for _ in 0..published {
        page.accepted.push(match next()? {
            Value::BulkString(_) => true,
            // Another server is the primary. A later attempt has to go there.
            Value::ServerError(error) if ELSEWHERE.contains(&error.code()) => {
                return Err(rejected(Value::ServerError(error)));
            }
            Value::ServerError(_) => false,
            _ => return Err(unexpected()),
        });
    }
    page.time = time(next()?)?;
    let Some(entries) = replies.next() else {
        return Ok(page);
    };
    let Value::Array(entries) = entries else {
        return Err(rejected(entries));
    };
    let is_full = entries.len() >= PAGE;
    for entry in entries {
        let (position, message) = read_entry(entry).ok_or_else(unexpected)?;
        page.next = is_full.then_some(position);
        page.messages
            .extend(message.map(|message| (position, message)));
    }
    Ok(page)
}

/// Reads an entry of a stream. One without the field `m` has no message.
fn read_entry(entry: Value) -> Option<(Position, Option<Bytes>)> {
    let Value::Array(entry) = entry else {
        return None;
    };
    let [Value::BulkString(id), Value::Array(fields)] = <[Value; 2]>::try_from(entry).ok()? else {
        return None;
    };
    let (milliseconds, sequence) = std::str::from_utf8(&id).ok()?.split_once('-')?;
    let position = Position {
        milliseconds: milliseconds.parse().ok()?,
        sequence: sequence.parse().ok()?,
    };
    let message = match <[Value; 2]>::try_from(fields) {
        Ok([Value::BulkString(name), Value::BulkString(message)]) if name == b"m" => {
            Some(message.into())
        }
        _ => None,
    };
    Some((position, message))
}

/// Reads the reply to `TIME`, in milliseconds.
fn time(reply: Value) -> Result<u64, StoreError> {
    let Value::Array(parts) = reply else {
        return Err(rejected(reply));
    };
    let [seconds, micros] = replies(parts)?;
    let part = |reply| number(&value(reply).ok()??);
    let millis = || {
        let seconds = part(seconds)?.checked_mul(1000)?;
        seconds.checked_add(part(micros)? / 1000)
    };
    millis().ok_or_else(unexpected)
}

fn pipeline() -> Pipeline {
    let mut commands = pipe();
    commands.ignore_errors();
    commands
}

fn replies<const N: usize>(replies: Vec<Value>) -> Result<[Value; N], StoreError> {
    replies.try_into().map_err(|_| unexpected())
}

fn value(reply: Value) -> Result<Option<Bytes>, StoreError> {
    match reply {
        Value::BulkString(value) => Ok(Some(value.into())),
        Value::Nil => Ok(None),
        reply => Err(rejected(reply)),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn rejected(reply: Value) -> StoreError {
    match reply {
        Value::ServerError(error) if is_code(error.code()) => {
            let text = format!("the server rejected a command: {}", error.code());
            let rejected = StoreError::new(text);
            match fault_of(error.code(), error.details()) {
                Some(fault) => rejected.with_fault(fault),
                None => rejected,
            }
        }
        _ => unexpected(),
    }
}

/// Returns the problem of which an error is the sign. Servers have no code of their own for a command that they lack.
fn fault_of(code: &str, details: Option<&str>) -> Option<StoreFault> {
    let is_unknown = || details.is_some_and(|it| it.starts_with("unknown command"));
    match code {
        "READONLY" => Some(StoreFault::ReadOnly),
        "ERR" if is_unknown() => Some(StoreFault::LacksCommand),
        _ => None,
    }
}

fn unexpected() -> StoreError {
    StoreError::new("the reply is of another form than expected")
}

/// Returns true if the text has the form of an error code, such as `NOPERM`.
fn is_code(text: &str) -> bool {
    text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn record(name: &str) -> String {
    format!("{name}:t")
}

fn lease_of(name: &str) -> String {
    format!("{name}:l")
}

/// Redis rejects a lifetime of zero.
fn millis(duration: Duration) -> u64 {
    crate::clock::millis(duration).max(1)
}

/// The server's errors if another server is the primary.
const ELSEWHERE: [&str; 3] = ["READONLY", "MOVED", "NOREPLICAS"];

/// The most messages of a page.
const PAGE: usize = 1_000;

/// The most bytes that may arrive between two exchanges. A hostile server could otherwise fill the memory.
const MAX_RECEIVED: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests;
