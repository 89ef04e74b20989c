//! Writes the Kotlin and Swift sources of the library.

fn main() {
    uniffi::uniffi_bindgen_main();
}
