mod address;
#[cfg(target_os = "linux")]
mod operations;
#[cfg(target_os = "linux")]
mod server;
