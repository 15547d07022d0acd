//! Merged cells. A roster that names the community once beside its twelve grids means it for all twelve.

use super::read::Row;

/// Gives every row of a region merged downwards in one column the value at its top.
pub fn spread(rows: &mut [Row], regions: impl Iterator<Item = ((u32, u32), (u32, u32))>) {
    for ((top, left), (bottom, right)) in regions {
        if left != right || top == bottom {
            continue;
        }
        let column = left as usize;
        let first = rows.partition_point(|row| row.number < top + 1);
        let Some(value) = rows.get(first).filter(|row| row.number == top + 1).map(|row| row.cell(column).to_owned()) else { continue };
        for row in rows[first..].iter_mut().take_while(|row| row.number <= bottom + 1) {
            if row.cells.len() <= column {
                row.cells.resize(column + 1, String::new());
            }
            row.cells[column].clone_from(&value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_merged_downwards_is_said_of_every_row() {
        let row = |number, cells: [&str; 2]| Row { number, cells: cells.map(str::to_owned).to_vec() };
        let mut rows = vec![row(1, ["网格花名册", ""]), row(2, ["桃花岭社区", "一"]), row(3, ["", "二"]), row(5, ["", "三"])];
        spread(&mut rows, [((0, 0), (0, 1)), ((1, 0), (2, 0))].into_iter());
        assert_eq!(rows.iter().map(|row| row.cells[0].as_str()).collect::<Vec<_>>(), ["网格花名册", "桃花岭社区", "桃花岭社区", ""]);
    }
}
