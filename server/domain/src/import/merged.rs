//! Merged cells. A roster that names the community once beside its twelve grids means it for all twelve.

use super::read::{COLUMN_LIMIT, ReadError, Room, Row};

/// Where cells are merged: from a row and column to a row and column.
pub type Region = ((u32, u32), (u32, u32));

/// Gives every row of a region merged downwards in one column the value at its top. Regions do not lap over each other; of those that do all the
/// same, the first counts, so that no cell is filled twice.
pub(super) fn spread(rows: &mut [Row], regions: impl Iterator<Item = Region>, room: &mut Room) -> Result<(), ReadError> {
    let is_column = |((top, left), (bottom, right)): &Region| left == right && top < bottom && (*left as usize) < COLUMN_LIMIT;
    let mut regions: Vec<Region> = regions.filter(is_column).collect();
    regions.sort_unstable_by_key(|((top, left), _)| (*left, *top));
    let mut filled = (0, 0);
    for ((top, left), (bottom, _)) in regions {
        let (column, top, bottom) = (left as usize, top.saturating_add(1), bottom.saturating_add(1));
        let first = rows.partition_point(|row| row.number < top);
        if filled.0 == column && first < filled.1 {
            continue;
        }
        let Some(value) = rows.get(first).filter(|row| row.number == top).map(|row| row.cell(column).to_owned()) else { continue };
        let mut end = first;
        while let Some(row) = rows.get_mut(end).filter(|row| row.number <= bottom) {
            if row.cells.len() <= column {
                row.cells.resize(column + 1, String::new());
            }
            // The first one has it already.
            if end > first {
                room.take_text(&value)?;
                row.cells[column].clone_from(&value);
            }
            end += 1;
        }
        filled = (column, end);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_merged_downwards_is_said_of_every_row() {
        let row = |number, cells: [&str; 2]| Row { number, cells: cells.map(str::to_owned).to_vec() };
        let mut rows = vec![row(1, ["网格花名册", ""]), row(2, ["桃花岭社区", "一"]), row(3, ["", "二"]), row(5, ["", "三"])];
        spread(&mut rows, [((0, 0), (0, 1)), ((2, 0), (9, 0)), ((1, 0), (2, 0)), ((0, 16_000), (9, 16_000))].into_iter(), &mut Room::default()).unwrap();
        assert_eq!(rows.iter().map(|row| row.cells[0].as_str()).collect::<Vec<_>>(), ["网格花名册", "桃花岭社区", "桃花岭社区", ""]);
    }
}
