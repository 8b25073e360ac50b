//! JWTs, verified by the keys of the instance.

mod accepted;
