//! Sentences about maps of couriers.

use waybell_domain::lang::Lang;

texts! {
    live_count(n) = "在岗 {n} 人", "{n} on duty";
    live_stale() = "  位置已过时", "  stale";
    live_cell(n, stale) = "{n} 人（{stale} 人位置已过时）", "{n} couriers ({stale} stale)";
    live_bad_area(text) = "“{text}”不是一个矩形区域", "{text} is no rectangle on the earth";
    live_area_hint() = "请写成 南,西,北,东（WGS-84 度），例如 31.1,121.3,31.3,121.6", "write south,west,north,east in degrees (WGS-84), like 31.1,121.3,31.3,121.6";
    live_bad_branch(text) = "“{text}”不是网点编号", "{text} is no id of a branch";
}
