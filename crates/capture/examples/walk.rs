//! How fast a file is walked: `walk FILE…` (all cores idle, file cached), or `walk --generate FILE
//! BYTES-OF-A-PACKET MEGABYTES`.

use std::{
    env,
    fs::File,
    io::{self, BufWriter, Write},
    time::Instant,
};

use capture::{Batch, Input, Options, Reader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    if let [flag, file, len, megabytes] = words.as_slice()
        && flag == "--generate"
    {
        return Ok(generate(file, len.parse()?, megabytes.parse()?)?);
    }
    let inputs: Vec<Input> = words.iter().map(|word| Input::named(word.as_ref())).collect();
    for _ in 0..5 {
        walk(&inputs)?;
    }
    Ok(())
}

fn walk(inputs: &[Input]) -> Result<(), Box<dyn std::error::Error>> {
    let begin = Instant::now();
    let mut reader = Reader::open(inputs, options()?)?;
    let (mut batch, mut packets, mut sum) = (Batch::new(), 0_u64, 0_u64);
    while reader.next(&mut batch)? {
        packets += batch.len() as u64;
        sum += batch.packets().map(|packet| packet.bytes.len() as u64).sum::<u64>();
    }
    let (seconds, bytes) = (begin.elapsed().as_secs_f64(), reader.progress().bytes_done as f64);
    println!(
        "{packets} packets, {sum} bytes in {seconds:.3} s: {:.2} GB/s, {:.1} M packets/s",
        bytes / seconds / 1e9,
        packets as f64 / seconds / 1e6
    );
    Ok(())
}

/// The batch size can be tried out: `BATCH_BYTES=262144 walk FILE`.
fn options() -> Result<Options, std::num::ParseIntError> {
    let batch_bytes = env::var("BATCH_BYTES").ok().map(|bytes| bytes.parse()).transpose()?;
    Ok(batch_bytes.map_or_else(Options::default, |batch_bytes| Options { batch_bytes }))
}

fn generate(file: &str, len: u32, megabytes: u64) -> io::Result<()> {
    let mut to = BufWriter::new(File::create(file)?);
    to.write_all(b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0")?;
    let packet = vec![0x55; len as usize];
    for i in 0..megabytes * 1_000_000 / (u64::from(len) + 16) {
        for word in [(i / 1_000_000) as u32, (i % 1_000_000) as u32, len, len] {
            to.write_all(&word.to_le_bytes())?;
        }
        to.write_all(&packet)?;
    }
    to.flush()
}
