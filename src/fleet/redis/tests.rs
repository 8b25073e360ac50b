#[cfg(target_os = "linux")]
mod access;
mod address;
#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod operations;
#[cfg(target_os = "linux")]
mod server;
