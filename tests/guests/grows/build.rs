//! A table that may grow: the linker makes them of fixed size unless it is asked.

fn main() {
    // Natively it is linked for its tests, by another linker.
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo::rustc-link-arg=--growable-table");
    }
}
