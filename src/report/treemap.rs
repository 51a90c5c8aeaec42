//! The squarified treemap: rectangles with areas in proportion to sizes, as close to squares as a row allows (Bruls, Huizing,
//! van Wijk, "Squarified Treemaps", 2000). It knows nothing of images.

/// A rectangle. The unit is that of the rectangle that is divided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rect {
    fn area(self) -> f64 {
        self.width * self.height
    }

    fn shorter_side(self) -> f64 {
        self.width.min(self.height)
    }
}

/// Divides a rectangle: one for each size, in the order of the sizes. The result is best if the largest comes first. A size of
/// zero gets a rectangle without area.
pub(super) fn squarify(sizes: &[f64], whole: Rect) -> Vec<Rect> {
    let total: f64 = sizes.iter().sum();
    let scale = if total > 0.0 { whole.area() / total } else { 0.0 };
    let mut areas = sizes.iter().map(|size| size * scale).collect::<Vec<_>>();
    let (mut rest, mut placed) = (whole, Vec::with_capacity(sizes.len()));
    while !areas.is_empty() {
        let row: Vec<f64> = areas.drain(..length_of_row(&areas, rest.shorter_side())).collect();
        rest = place(&row, rest, areas.is_empty(), &mut placed);
    }
    placed
}

/// How many of the areas form the next row: as many as make its worst rectangle squarer.
fn length_of_row(areas: &[f64], side: f64) -> usize {
    let mut worst_before = f64::INFINITY;
    let (mut sum, mut largest, mut smallest) = (0.0, 0.0_f64, f64::INFINITY);
    for (length, area) in areas.iter().enumerate() {
        sum += area;
        (largest, smallest) = (largest.max(*area), smallest.min(*area));
        let (side, sum) = (side * side, sum * sum);
        let worst = (side * largest / sum).max(sum / (side * smallest));
        // Areas of zero are never squarer: the comparison with infinity or NaN ends the row after the first.
        if length > 0 && !matches!(worst.partial_cmp(&worst_before), Some(order) if order.is_le()) {
            return length;
        }
        worst_before = worst;
    }
    areas.len()
}

/// Places a row along the shorter side of a rectangle, and gives what is left of that. The last row fills it.
fn place(row: &[f64], whole: Rect, is_last: bool, placed: &mut Vec<Rect>) -> Rect {
    let is_column = whole.width >= whole.height;
    let (side, depth) = if is_column { (whole.height, whole.width) } else { (whole.width, whole.height) };
    let sum: f64 = row.iter().sum();
    let thickness = match () {
        () if is_last => depth,
        () if side > 0.0 => (sum / side).min(depth),
        () => 0.0,
    };
    let mut along = 0.0;
    for (position, area) in row.iter().enumerate() {
        let remaining = (side - along).max(0.0);
        let length = match () {
            () if position + 1 == row.len() && sum > 0.0 => remaining,
            () if sum > 0.0 => (side * area / sum).min(remaining),
            () => 0.0,
        };
        placed.push(if is_column {
            Rect { x: whole.x, y: whole.y + along, width: thickness, height: length }
        } else {
            Rect { x: whole.x + along, y: whole.y, width: length, height: thickness }
        });
        along += length;
    }
    if is_column {
        Rect { x: whole.x + thickness, width: whole.width - thickness, ..whole }
    } else {
        Rect { y: whole.y + thickness, height: whole.height - thickness, ..whole }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How far numbers may be off, in parts of the side or the area of the whole.
    const TOLERANCE: f64 = 1e-9;

    proptest! {
        #[test]
        fn areas_are_in_proportion_inside_and_apart(
            mut sizes in prop::collection::vec(prop_oneof![Just(0.0), 1.0..10.0, 1.0..1e9_f64], 0..60),
            width in 1.0..2000.0_f64,
            height in 1.0..2000.0_f64,
            is_sorted: bool,
        ) {
            if is_sorted {
                sizes.sort_by(|one, other| other.total_cmp(one));
            }
            let whole = Rect { x: 3.0, y: 5.0, width, height };
            let rects = squarify(&sizes, whole);
            prop_assert_eq!(rects.len(), sizes.len());
            let total: f64 = sizes.iter().sum();
            let close = TOLERANCE * (width + height);
            for (rect, size) in rects.iter().zip(&sizes) {
                let expected = if total > 0.0 { whole.area() * size / total } else { 0.0 };
                prop_assert!((rect.area() - expected).abs() <= TOLERANCE * whole.area(), "{:?} {}", rect, expected);
                prop_assert!(rect.x >= whole.x - close && rect.y >= whole.y - close, "{:?}", rect);
                prop_assert!(rect.x + rect.width <= whole.x + width + close, "{:?}", rect);
                prop_assert!(rect.y + rect.height <= whole.y + height + close, "{:?}", rect);
            }
            for (number, one) in rects.iter().enumerate() {
                for other in &rects[number + 1..] {
                    let shared = |a: f64, a_length: f64, b: f64, b_length: f64| {
                        (a + a_length).min(b + b_length) - a.max(b)
                    };
                    let across = shared(one.x, one.width, other.x, other.width);
                    let down = shared(one.y, one.height, other.y, other.height);
                    prop_assert!(across <= close || down <= close, "{:?} overlaps {:?}", one, other);
                }
            }
        }
    }

    #[test]
    fn the_example_of_the_paper_has_its_rows() {
        let whole = Rect { x: 0.0, y: 0.0, width: 6.0, height: 4.0 };
        let rects = squarify(&[6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0], whole);
        let columns: Vec<_> = rects.iter().map(|rect| (rect.x * 10.0).round() / 10.0).collect();
        assert_eq!(columns, [0.0, 0.0, 3.0, 4.7, 3.0, 4.2, 5.4]);
        assert_eq!(rects[0], Rect { x: 0.0, y: 0.0, width: 3.0, height: 2.0 });
    }
}
