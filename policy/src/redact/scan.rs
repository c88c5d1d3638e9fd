//! Sixty-four bytes at a time, which of them fit, as bits: no branch depends on the text, so that ordinary text costs the
//! same whatever it says. (Looked at byte by byte, each end of a word is a branch that the processor mostly guesses wrong.)

/// Bytes that are looked at together: one bit each.
const BLOCK: usize = 64;

/// Calls `found` with each place where a run of bytes that fit begins.
pub(super) fn starts(bytes: &[u8], fits: impl Fn(u8) -> bool, mut found: impl FnMut(usize)) {
    let mut before = 0;
    blocks::<BLOCK>(bytes, |base, block| {
        let run = mask(|at| block.get(at).is_some_and(|b| fits(*b)));
        ones(run & !(run << 1 | before), |bit| found(base + bit));
        before = run >> (BLOCK - 1);
    });
}

/// Calls `found` with each place where a run of at least `LEAST` (at most 64) bytes that fit begins.
pub(super) fn runs<const LEAST: usize>(
    bytes: &[u8],
    fits: impl Fn(u8) -> bool,
    mut found: impl FnMut(usize),
) {
    let mut before = 0;
    blocks::<BLOCK>(bytes, |base, block| {
        let run = mask(|at| block.get(at).is_some_and(|b| fits(*b)));
        // A bit stays set where the `length` bytes up to it fit.
        let mut long = u128::from(run) << BLOCK | u128::from(before);
        let mut length = 1;
        while length < LEAST {
            let step = length.min(LEAST - length);
            long &= long << step;
            length += step;
        }
        let reached = (long & !(long << 1)) >> BLOCK;
        ones(reached as u64, |bit| found(base + bit + 1 - LEAST));
        before = run;
    });
}

/// Calls `found` with each place where `fits` says so of that place in a window of the text, which goes on for
/// `WIDTH - 64` bytes behind the last place that is asked for. Behind the text there are zeros.
pub(super) fn places<const WIDTH: usize>(
    bytes: &[u8],
    fits: impl Fn(&[u8; WIDTH], usize) -> bool,
    mut found: impl FnMut(usize),
) {
    blocks::<WIDTH>(bytes, |base, window| {
        ones(mask(|at| fits(window, at)), |bit| found(base + bit));
    });
}

/// Calls `look` for each block, with the place where it begins.
fn blocks<const WIDTH: usize>(bytes: &[u8], mut look: impl FnMut(usize, &[u8; WIDTH])) {
    let mut base = 0;
    while let Some(rest) = bytes.get(base..).filter(|rest| !rest.is_empty()) {
        let padded;
        let window = match rest.first_chunk() {
            Some(window) => window,
            None => {
                padded = pad(rest);
                &padded
            }
        };
        look(base, window);
        base += BLOCK;
    }
}

/// The last bytes of a text, fewer than a window has.
fn pad<const WIDTH: usize>(rest: &[u8]) -> [u8; WIDTH] {
    let mut window = [0; WIDTH];
    if let Some(begin) = window.get_mut(..rest.len()) {
        begin.copy_from_slice(rest);
    }
    window
}

/// A bit for each of 64 places, the first one lowest.
#[inline(always)]
fn mask(fits: impl Fn(usize) -> bool) -> u64 {
    let mut flags = [0; BLOCK];
    for (at, flag) in flags.iter_mut().enumerate() {
        *flag = u8::from(fits(at));
    }
    let (eights, _) = flags.as_chunks();
    let gather = |(at, eight): (usize, &[u8; 8])| {
        // Multiplied so, the lowest bits of eight bytes stand side by side in the highest byte.
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits << (at * 8)
    };
    eights
        .iter()
        .enumerate()
        .map(gather)
        .fold(0, |all, bits| all | bits)
}

/// Calls `each` with each bit that is set, the lowest first.
#[inline(always)]
fn ones(mut mask: u64, mut each: impl FnMut(usize)) {
    while mask != 0 {
        each(mask.trailing_zeros() as usize);
        mask &= mask - 1;
    }
}
