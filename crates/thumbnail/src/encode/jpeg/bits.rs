//! Entropy-coded data: bits from the top down, a zero behind each byte of all ones (T.81 B.1.1.5).

/// Writes to the end of a file.
pub(super) struct BitWriter<'a> {
    file: &'a mut Vec<u8>,
    /// The bits that are no whole byte yet, at the bottom.
    waiting: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(file: &'a mut Vec<u8>) -> Self {
        Self { file, waiting: 0, count: 0 }
    }

    /// Writes a code of `length` bits.
    pub(super) fn put(&mut self, code: u16, length: u8) {
        self.waiting = self.waiting << length | u64::from(code);
        self.count += u32::from(length);
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.waiting >> self.count) as u8;
            self.file.push(byte);
            if byte == 0xFF {
                self.file.push(0);
            }
        }
    }

    /// Writes the `size` bits that tell a value of its category; negative ones are one less (T.81 F.1.2.1).
    pub(super) fn put_value(&mut self, value: i16, size: u8) {
        let bits = if value < 0 { value - 1 } else { value } as u16;
        self.put(bits & ((1_u32 << size) - 1) as u16, size);
    }

    /// Fills the last byte with ones.
    pub(super) fn finish(mut self) {
        let missing = (8 - self.count % 8) % 8;
        self.put((1 << missing) - 1, missing as u8);
    }
}
