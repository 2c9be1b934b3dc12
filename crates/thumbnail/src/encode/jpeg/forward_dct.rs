//! The forward DCT of 8x8 samples (T.81 A.3.3), by its definition: two products of matrices, eight columns at a time.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

/// The basis: a row for each frequency.
pub(super) struct ForwardDct([[f32; 8]; 8]);

impl ForwardDct {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|frequency| {
            let scale = if frequency == 0 { 0.5 * FRAC_1_SQRT_2 } else { 0.5 };
            std::array::from_fn(|at| scale * ((2 * at + 1) as f32 * frequency as f32 * PI / 16.0).cos())
        }))
    }

    /// The coefficients, a row for each vertical frequency.
    pub(super) fn transform(&self, samples: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
        transposed(&self.columns(&transposed(&self.columns(samples))))
    }

    /// Transforms each column.
    fn columns(&self, block: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
        std::array::from_fn(|frequency| {
            let mut sums = [0.0; 8];
            for (weight, line) in self.0[frequency].iter().zip(block) {
                for (sum, sample) in sums.iter_mut().zip(line) {
                    *sum += weight * sample;
                }
            }
            sums
        })
    }
}

fn transposed(block: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
    std::array::from_fn(|y| std::array::from_fn(|x| block[x][y]))
}
