//! Sentences about where buildings are.

use waybell_domain::lang::Lang;

texts! {
    pinned(stop, n) = "已标出“{stop}”的位置（{n} 件）；以后去这里的快件也用它，全网点共用", "{stop} is set ({n} parcels), for later parcels too and for everybody of the branch";
    unpinned(stop) = "已取消“{stop}”的手工标注", "what was set by hand for {stop} is taken back";
    tour_guessed(n) = "{n} 个停靠点的位置是推测的；标出位置：waybell pin 停靠点 纬度,经度", "{n} places are guessed; set them: waybell pin STOP LATITUDE,LONGITUDE";
    place_pin() = "手工标注", "set by hand";
    place_learned(visits, metres) = "{visits} 次派送得出，约 {metres} 米内", "learned from {visits} deliveries, within {metres} m";
    place_imported(metres) = "清单坐标，约 {metres} 米内", "from the list, within {metres} m";
    place_geocoded(metres) = "按地址解析，约 {metres} 米内", "looked up by its address, within {metres} m";
    guessed_estate(metres) = "位置按小区推测，约 {metres} 米内", "guessed by its estate, within {metres} m";
    guessed_road(metres) = "位置按门牌推测，约 {metres} 米内", "guessed by its house number, within {metres} m";
    guessed_list() = "位置按清单推测", "guessed by the list";
    no_places() = "没有找到位置", "no places are known";
    place_removed(name) = "已删除“{name}”的位置", "the place of {name} is removed";
}
