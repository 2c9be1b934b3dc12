//! Makes the thumbnail of one file, and says what it took: `thumbnail_file IN OUT [WIDTHxHEIGHT]`. With `/usr/bin/time
//! -v` around it, it shows whether the memory estimate is honest; `thumbnail_file IN -` only reads the file.

#![expect(clippy::print_stdout, reason = "it is a program for the command line")]

use std::time::Instant;

use thumbnail::{Options, probe_with, thumbnail};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else {
        return Err("usage: thumbnail_file IN OUT [WIDTHxHEIGHT]".into());
    };
    let mut options = Options::default();
    if let Some((width, height)) = arguments.next().as_deref().and_then(|size| size.split_once('x')) {
        (options.width, options.height) = (width.parse()?, height.parse()?);
    }
    let source = std::fs::read(&from)?;
    let info = probe_with(&source, &options)?;
    println!("{from}: {} x {}, {} KiB estimated", info.width, info.height, info.decode_memory / 1024);
    if to == "-" {
        return Ok(());
    }
    let start = Instant::now();
    let made = thumbnail(&source, &options)?;
    let took = start.elapsed().as_millis();
    println!("{to}: {} x {}, {} bytes, {took} ms", made.width, made.height, made.bytes.len());
    std::fs::write(&to, made.bytes)?;
    Ok(())
}
