//! One caller's requests cost the others nothing: answers that a token provokes, floods, limits, pauses.
//! Without a network, and with tokio's clock standing still, except where it is about real connections.

mod calls;
mod provoked;
mod runtimes;
mod scarce;
mod script;
mod users;
