//! Independent implementations as the other end: programs in Go, and OpenSSL.

mod go;
mod go_json;
mod go_smoltcp;
mod tls;
