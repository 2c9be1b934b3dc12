//! Measures whole jobs, bytes to bytes, for `bench/core`: `bench_job MILLISECONDS OUT_FOLDER FILES...`. For each file
//! one line: name, mean milliseconds of CPU, peak memory over baseline in KiB, bytes of the thumbnail, and why there is
//! none. The peak means something only for the first file of a process. `JPEG_QUALITY` is that of the thumbnails.

#![expect(clippy::print_stdout, reason = "it is a program for the command line")]

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::Path;

use thumbnail::{Options, thumbnail};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(least), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bench_job MILLISECONDS OUT_FOLDER FILES...".into());
    };
    let least: f64 = least.parse()?;
    let mut options = Options::default();
    if let Ok(quality) = std::env::var("JPEG_QUALITY") {
        options.jpeg_quality = quality.parse()?;
    }
    for file in arguments {
        let source = fs::read(&file)?;
        let before = status_kib("VmRSS:")?;
        let outcome = thumbnail(&source, &options);
        let peak = status_kib("VmHWM:")?.saturating_sub(before);
        let milliseconds = cpu_milliseconds(&source, &options, least)?;
        let name = Path::new(&file).file_name().unwrap_or_default().to_string_lossy();
        match outcome {
            Ok(made) => {
                println!("{name} {milliseconds:.3} {peak} {}", made.bytes.len());
                fs::write(Path::new(&folder).join(&*name), &made.bytes)?;
            }
            Err(error) => println!("{name} {milliseconds:.3} {peak} 0 {error}"),
        }
    }
    Ok(())
}

/// The mean of three rounds, and of as many again until `least` milliseconds were used.
fn cpu_milliseconds(source: &[u8], options: &Options, least: f64) -> Result<f64, Box<dyn Error>> {
    let start = cpu_nanoseconds()?;
    let (mut rounds, mut used) = (0_u32, 0.0);
    while rounds == 0 || used < least {
        let more = rounds.max(3);
        for _ in 0..more {
            black_box(thumbnail(black_box(source), options).ok());
        }
        rounds += more;
        used = (cpu_nanoseconds()? - start) as f64 / 1e6;
    }
    Ok(used / f64::from(rounds))
}

/// What this thread has used, by Linux's own count, which may move on in steps of milliseconds: hence means.
fn cpu_nanoseconds() -> Result<u64, Box<dyn Error>> {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(statistics.split_whitespace().next().ok_or("no schedstat")?.parse()?)
}

fn status_kib(field: &str) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or("no such field")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
}
