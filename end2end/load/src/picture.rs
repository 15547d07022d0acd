//! Pictures of what was measured, as SVG: panels below each other, each with lines over a common axis. Heights are logarithmic, because a
//! storm is a hundred times a calm day.

use plotters::prelude::*;
use std::{fs, path::Path};

pub struct Line {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// What the heights are, what the axis is, and the lines.
pub type Panel<'a> = (&'a str, &'a str, &'a [Line]);

/// Room for the names beside the lines, as a share of the axis.
const LEGEND: f64 = 0.35;
const WIDTH: u32 = 960;
const HEIGHT: u32 = 300;
/// Colours that differ for the colour-blind too (Okabe and Ito, 2008).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
];

pub fn draw(path: &Path, title: &str, under: &str, panels: &[Panel<'_>]) -> Result<(), String> {
    let mut svg = String::new();
    {
        let size = (WIDTH, 80 + HEIGHT * panels.len() as u32);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE).map_err(|e| e.to_string())?;
        let text = |size: u32| ("sans-serif", size).into_font();
        root.draw(&Text::new(title.to_owned(), (16, 14), text(20))).map_err(|e| e.to_string())?;
        root.draw(&Text::new(under.to_owned(), (16, 46), text(13).color(&BLACK.mix(0.6)))).map_err(|e| e.to_string())?;
        let (_, below) = root.split_vertically(70);
        for (area, panel) in below.split_evenly((panels.len(), 1)).iter().zip(panels) {
            draw_panel(area, panel)?;
        }
        root.present().map_err(|e| e.to_string())?;
    }
    fs::write(path, svg).map_err(|e| format!("{}: {e}", path.display()))
}

fn draw_panel(area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>, (height, axis, lines): &Panel<'_>) -> Result<(), String> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let span = |pick: fn(&(f64, f64)) -> f64| {
        let (least, most) = points().map(pick).fold((f64::MAX, f64::MIN), |(least, most), v| (least.min(v), most.max(v)));
        least..most
    };
    let (x, y) = (span(|p| p.0), span(|p| p.1));
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(x.start..x.end + (x.end - x.start) * LEGEND, (y.start * 0.8..y.end * 1.3).log_scale())
        .map_err(|e| e.to_string())?;
    chart.configure_mesh().light_line_style(WHITE).bold_line_style(BLACK.mix(0.12)).y_desc(*height).x_desc(*axis).draw().map_err(|e| e.to_string())?;
    for (line, colour) in lines.iter().zip(COLOURS) {
        let drawn = chart.draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(2))).map_err(|e| e.to_string())?;
        drawn.label(line.name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()
        .map_err(|e| e.to_string())
}
