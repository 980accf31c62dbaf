//! Makes the function table growable. By default, the linker creates tables of fixed size.

fn main() {
    // Native test builds use a different linker.
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo::rustc-link-arg=--growable-table");
    }
}
