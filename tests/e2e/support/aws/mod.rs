//! Servers in place of AWS's APIs.

mod lambda_api;
mod moto;

pub(crate) use lambda_api::{LambdaApi, PRESIGNED, Published};
pub(crate) use moto::Moto;
