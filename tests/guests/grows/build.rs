//! A table that may grow: the linker makes them of fixed size unless it is asked.

fn main() {
    println!("cargo::rustc-link-arg=--growable-table");
}
