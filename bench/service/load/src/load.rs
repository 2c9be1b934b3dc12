//! Many clients at once, first to warm the service up, then to be counted.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, Outcome};
use crate::form::Picture;
use crate::report;

pub fn run(address: SocketAddr, clients: usize, phases: [f64; 2], files: &[&str]) -> Result<(), Box<dyn Error>> {
    let pictures = files.iter().map(|file| Picture::read(file)).collect::<Result<Vec<_>, _>>()?;
    let mut clients: Vec<Client> = (0..clients).map(|number| Client::new(address, number)).collect();
    let [warm, measured] = phases.map(Duration::from_secs_f64);
    upload_for(warm, &mut clients, &pictures);
    println!("warm");
    io::stdin().read_line(&mut String::new())?;
    let begun = Instant::now();
    let outcomes = upload_for(measured, &mut clients, &pictures);
    println!("{}", report::json(&outcomes, begun.elapsed()));
    Ok(())
}

/// Each client begins uploads until the time is over; all that were begun count.
fn upload_for(time: Duration, clients: &mut [Client], pictures: &[Picture]) -> Vec<Outcome> {
    let end = Instant::now() + time;
    thread::scope(|scope| {
        let started: Vec<_> =
            clients.iter_mut().map(|client| scope.spawn(move || upload_until(end, client, pictures))).collect();
        started.into_iter().flat_map(|thread| thread.join().expect("a client's thread does not panic")).collect()
    })
}

fn upload_until(end: Instant, client: &mut Client, pictures: &[Picture]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    while Instant::now() < end {
        outcomes.push(client.upload(pictures));
    }
    outcomes
}
