//! The dashboard's files are part of the program: it is built anew when they change, come or go.

use std::path::Path;

fn main() {
    // A folder that is not there would be taken for a change each time.
    let place = ["../../ui/dist", "../../ui", "build.rs"]
        .into_iter()
        .find(|place| Path::new(place).exists());
    println!("cargo:rerun-if-changed={}", place.unwrap_or("build.rs"));
    println!("cargo:rerun-if-changed=build.rs");
}
