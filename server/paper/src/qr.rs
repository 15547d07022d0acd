//! QR codes as outlines. Level H, so that a code still reads with 15 % of it covered.

use crate::{PaperError, Result};
use qrcode::{Color, EcLevel, QrCode};

/// Light modules around a code, as ISO/IEC 18004 asks for.
pub const QUIET: usize = 4;

/// A corner, in modules from the upper left, quiet zone included.
pub type Corner = (i32, i32);

/// The borders between dark and light. Filled by the even-odd rule they are the code; without seams between modules, which some printers show.
pub struct Outline {
    pub loops: Vec<Vec<Corner>>,
    /// Modules on a side, quiet zone included.
    pub size: usize,
}

pub fn outline(text: &str) -> Result<Outline> {
    let code = QrCode::with_error_correction_level(text, EcLevel::H).map_err(|_| PaperError::TooLong(text.to_owned()))?;
    let width = code.width();
    let dark = Modules { width: i32::try_from(width).unwrap_or(i32::MAX), colors: code.to_colors() };
    Ok(Outline { loops: dark.loops(), size: width + 2 * QUIET })
}

struct Modules {
    width: i32,
    colors: Vec<Color>,
}

/// Down, left, up, right: the dark modules are always on the right-hand side of the way around them.
const STEPS: [Corner; 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];

impl Modules {
    fn is_dark(&self, (x, y): Corner) -> bool {
        let is_inside = (0..self.width).contains(&x) && (0..self.width).contains(&y);
        is_inside && usize::try_from(y * self.width + x).is_ok_and(|i| self.colors.get(i) == Some(&Color::Dark))
    }

    /// Whether a border leads from this corner in this direction, with dark on its right and light on its left.
    fn leads(&self, (x, y): Corner, direction: usize) -> bool {
        let (right, left) = match direction {
            0 => ((x, y), (x, y - 1)),
            1 => ((x - 1, y), (x, y)),
            2 => ((x - 1, y - 1), (x - 1, y)),
            _ => ((x, y - 1), (x - 1, y - 1)),
        };
        self.is_dark(right) && !self.is_dark(left)
    }

    fn loops(&self) -> Vec<Vec<Corner>> {
        let mut loops = Vec::new();
        // Every border goes right somewhere: begin there, once.
        let mut seen = vec![false; self.colors.len() + usize::try_from(self.width).unwrap_or(0)];
        let index = |(x, y): Corner| usize::try_from(y * self.width + x).unwrap_or(0);
        for start in (0..=self.width).flat_map(|y| (0..self.width).map(move |x| (x, y))) {
            if self.leads(start, 0) && !seen[index(start)] {
                loops.push(self.around(start, |corner| seen[index(corner)] = true));
            }
        }
        loops
    }

    /// The corners of the border that leads right from here, quiet zone added. Says which other borders to the right belong to it.
    fn around(&self, start: Corner, mut passed: impl FnMut(Corner)) -> Vec<Corner> {
        let quiet = QUIET as i32;
        let (mut at, mut direction) = (start, 0);
        let mut corners = Vec::new();
        loop {
            corners.push((at.0 + quiet, at.1 + quiet));
            // Straight on while it leads on.
            loop {
                if direction == 0 {
                    passed(at);
                }
                at = (at.0 + STEPS[direction].0, at.1 + STEPS[direction].1);
                let turns = [(direction + 1) % 4, direction, (direction + 3) % 4];
                // Where two dark modules touch at a corner, each keeps its own border: right first.
                let next = turns.into_iter().find(|turn| self.leads(at, *turn)).unwrap_or(direction);
                let is_turn = next != direction;
                direction = next;
                if is_turn || at == start {
                    break;
                }
            }
            if at == start && direction == 0 {
                return corners;
            }
        }
    }
}

impl Outline {
    /// As the `d` of an SVG path.
    pub fn svg_path(&self) -> String {
        let mut path = String::new();
        for corners in &self.loops {
            for (i, (x, y)) in corners.iter().enumerate() {
                // Each side goes along one axis, alternately.
                match i {
                    0 => path.push_str(&format!("M{x} {y}")),
                    i if i % 2 == 1 => path.push_str(&format!("H{x}")),
                    _ => path.push_str(&format!("V{y}")),
                }
            }
            path.push('z');
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether the middle of a module lies inside an odd number of loops.
    fn is_filled(outline: &Outline, x: i32, y: i32) -> bool {
        let crossings = outline.loops.iter().flat_map(|corners| {
            let ends = corners.iter().zip(corners.iter().cycle().skip(1));
            ends.filter(|(a, b)| a.0 == b.0 && a.0 <= x && (a.1.min(b.1)..a.1.max(b.1)).contains(&y))
        });
        crossings.count() % 2 == 1
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn what_the_borders_enclose_are_the_dark_modules_and_nothing_else(text in "https://[a-z.]{5,40}/q/[0-9A-Z]{8}") {
            let outline = outline(&text).unwrap();
            let code = QrCode::with_error_correction_level(&text, EcLevel::H).unwrap();
            let width = code.width();
            let colors = code.to_colors();
            for y in 0..outline.size {
                for x in 0..outline.size {
                    let is_code = (QUIET..QUIET + width).contains(&x) && (QUIET..QUIET + width).contains(&y);
                    let is_dark = is_code && colors[(y - QUIET) * width + x - QUIET] == Color::Dark;
                    prop_assert_eq!(is_filled(&outline, x as i32, y as i32), is_dark, "{} {}", x, y);
                }
            }
            for corners in &outline.loops {
                for (i, (a, b)) in corners.iter().zip(corners.iter().cycle().skip(1)).enumerate() {
                    let is_alternate = if i % 2 == 0 { a.1 == b.1 && a.0 != b.0 } else { a.0 == b.0 && a.1 != b.1 };
                    prop_assert!(is_alternate);
                }
            }
        }
    }
}
