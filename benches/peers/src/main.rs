//! Measures everything, prints the tables, and writes them and the charts beside the manifest.

use std::{error::Error, fs, io, path::Path};

use tower_clerk_peers::{bad, chart, cost, outage, provider, report::Results, stampede};

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let results = runtime.block_on(measure())?;
    let tables = results.to_string();
    println!("{tables}");
    // Outside of this crate, since the pages of the published package show the charts.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../comparison");
    fs::write(folder.join("results.md"), &tables)?;
    fs::write(folder.join("cost.svg"), chart::costs(&results.costs))?;
    let stampedes = chart::stampedes(&results.stampedes);
    fs::write(folder.join("stampede.svg"), stampedes)?;
    // Peers may still wait for a server that hangs.
    runtime.shutdown_background();
    Ok(())
}

async fn measure() -> io::Result<Results> {
    eprintln!("accepted requests");
    let clerk = provider::start();
    let costs = cost::measure(&clerk).await?;
    eprintln!("stampedes");
    let stampedes = stampede::measure().await;
    eprintln!("bad tokens");
    let bad = bad::measure().await;
    eprintln!("outages");
    let outages = outage::measure().await;
    Ok(Results {
        costs,
        stampedes,
        bad,
        outages,
    })
}
