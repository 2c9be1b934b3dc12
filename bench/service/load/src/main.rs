//! Both ends of the services that `bench/service` measures, made so that they take little of the machine themselves:
//! threads and the standard library alone.
//!
//! - `bench-load null-s3`: an S3 that keeps nothing; prints its address, and ends when its standard input does.
//! - `bench-load load ADDRESS CLIENTS WARM_SECONDS SECONDS FILES...`: uploads the files in turns. After the warm-up it
//!   prints `warm` and waits for a line, so that the service's CPU time can be read while nothing is under way; at the end
//!   it prints one line of JSON.

mod client;
mod form;
mod load;
mod message;
mod null_s3;
mod report;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["null-s3"] => null_s3::serve(),
        ["load", address, clients, warm, seconds, ref files @ ..] if !files.is_empty() => {
            load::run(address.parse()?, clients.parse()?, [warm.parse()?, seconds.parse()?], files)
        }
        _ => Err("usage: bench-load null-s3 | load ADDRESS CLIENTS WARM_SECONDS SECONDS FILES...".into()),
    }
}
