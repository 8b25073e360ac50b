//! What an OAuth JWT says of itself, beside what Clerk answers about it: it can reject the token, and grants nothing
//! unless its signature was verified.

mod edited;
mod required;
mod signed;
