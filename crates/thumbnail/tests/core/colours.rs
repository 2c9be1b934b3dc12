//! Colour profiles: used where they are sound, ignored where they are not.

use image::RgbImage;
use moxcms::ColorProfile;

use crate::fixtures::jpeg::{self, segment, with_segments};
use crate::fixtures::png::{Png, zlib_stored};
use crate::fixtures::{at_full_size, scenery};
use thumbnail::Colour;

/// A flat picture, and its colour taken from Display P3 to sRGB.
const STORED: [u8; 3] = [180, 110, 70];
const SHOWN: [u8; 3] = [190, 108, 62];

fn flat() -> RgbImage {
    RgbImage::from_pixel(24, 16, image::Rgb(STORED))
}

fn display_p3() -> Vec<u8> {
    ColorProfile::new_display_p3().encode().unwrap()
}

fn iccp(profile: &[u8]) -> Vec<u8> {
    [&b"name\0\0"[..], &zlib_stored(profile)].concat()
}

/// A JPEG's profile in segments of the given numbers.
fn in_segments(profile: &[u8], numbers: &[(u8, u8)]) -> Vec<u8> {
    let parts = profile.chunks(profile.len().div_ceil(numbers.len()));
    let segments = numbers.iter().map(|(number, count)| {
        let part = parts.clone().nth(usize::from(*number).saturating_sub(1)).unwrap_or_default();
        segment(0xe2, &[&b"ICC_PROFILE\0"[..], &[*number, *count], part].concat())
    });
    with_segments(&jpeg::rgb(&flat(), 100), &segments.collect::<Vec<_>>().concat())
}

#[track_caller]
fn check(file: &[u8], colour: Colour, expected: [u8; 3]) {
    let (made, picture) = at_full_size(file);
    assert_eq!(made.source.colour, colour);
    let shown = picture.to_rgb8().get_pixel(5, 5).0;
    let off = (0..3).map(|i| shown[i].abs_diff(expected[i])).max().unwrap();
    assert!(off <= 4, "{shown:?} instead of {expected:?}");
}

#[test]
fn profiles_are_used() {
    let profile = display_p3();
    check(&Png::rgb(&flat()).before(b"iCCP", &iccp(&profile)).file(), Colour::Profile, SHOWN);
    check(&Png::rgb(&flat()).before(b"cICP", &[12, 13, 0, 1]).file(), Colour::Profile, SHOWN);
    check(&in_segments(&profile, &[(1, 1)]), Colour::Profile, SHOWN);
    check(&in_segments(&profile, &[(2, 2), (1, 2)]), Colour::Profile, SHOWN);
}

#[test]
fn code_points_win_over_a_profile() {
    let both = Png::rgb(&flat()).before(b"iCCP", &iccp(&display_p3())).before(b"cICP", &[1, 13, 0, 1]);
    check(&both.file(), Colour::Assumed, STORED);
}

#[test]
fn unusable_profiles_are_ignored() {
    let profile = display_p3();
    for numbers in [&[(1, 2)][..], &[(0, 1)], &[(1, 2), (1, 2)], &[(1, 1), (2, 2)]] {
        check(&in_segments(&profile, numbers), Colour::ProfileIgnored, STORED);
    }
    let long = vec![0; 5 << 20];
    let gray = ColorProfile::new_gray_with_gamma(2.2).encode().unwrap();
    for broken in [&profile[..100], b"", &long, &gray] {
        check(&Png::rgb(&flat()).before(b"iCCP", &iccp(broken)).file(), Colour::ProfileIgnored, STORED);
    }
    for cut in (0..profile.len()).step_by(7) {
        let (made, _) = at_full_size(&Png::rgb(&scenery(3, 3)).before(b"iCCP", &iccp(&profile[..cut])).file());
        assert!(made.source.colour != Colour::Assumed);
    }
}

#[test]
fn gamma_alone_changes_nothing() {
    check(&Png::rgb(&flat()).before(b"gAMA", &[0, 1, 0x86, 0xa0]).file(), Colour::Assumed, STORED);
}
