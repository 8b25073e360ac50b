//! Checks that options share, and the problems that they find. They do no I/O, and depend on no module with options.

pub(crate) mod origin;
pub(crate) mod parse;
pub(crate) mod problem;
pub(crate) mod secret;
pub(crate) mod text;
pub(crate) mod untyped;

#[cfg(feature = "jwt")]
pub(crate) use self::origin::check_browser_origin;
pub(crate) use self::{
    parse::Named,
    problem::{Flaw, Problems},
    secret::{Hidden, may_be_secret},
    text::{check_graphic, check_scope, check_text, is_vschar},
};
