//! A row of small bars: how a number went, day by day.

use leptos::prelude::*;

const HEIGHT: f64 = 22.0;
const STEP: usize = 4;

/// Bars for numbers, the last one being today's; the label says it in words.
pub fn sparkline(values: &[i64], label: String) -> impl IntoView + use<> {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let bar = |(i, value): (usize, &i64)| {
        // Something is never drawn as nothing.
        let height = if *value > 0 { ((*value as f64 / most as f64) * HEIGHT).max(2.0) } else { 0.0 };
        format!("M{} {HEIGHT}v-{height:.1}h3v{height:.1}z", i * STEP)
    };
    let path: String = values.iter().enumerate().filter(|(_, value)| **value > 0).map(bar).collect();
    let width = values.len() * STEP;
    view! {
        <svg class="spark" viewBox=format!("0 0 {width} 24") role="img" aria-label=label>
            <path class="base" d=format!("M0 23h{width}")></path>
            <path class="bars" d=path></path>
        </svg>
    }
}
