//! The fuzz target `net` over programs drawn from seeds.

use crate::support::Random;

#[path = "../../fuzz/bodies/net.rs"]
mod body;

#[test]
fn programs_drawn_from_seeds() {
    let programs = if cfg!(debug_assertions) { 3000 } else { 30_000 };
    for seed in 0..programs {
        let mut random = Random::new(seed);
        let len = random.below(300);
        let program = random.bytes(len);
        let run = std::panic::catch_unwind(|| body::net(&program));
        assert!(run.is_ok(), "seed {seed}: {program:?}");
    }
}
