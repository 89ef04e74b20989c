//! Sentences about the knowledge.

use waybell_domain::lang::Lang;

texts! {
    no_knowledge() = "知识库还没有内容", "there is nothing in the knowledge base yet";
    no_article(id) = "没有知识 {id}", "there is no article {id}";
    no_folder(path) = "没有目录“{path}”", "there is no folder {path}";
    article_hint(id) = "查看：waybell knowledge show {id}", "show it: waybell knowledge show {id}";
    article_about(who, version, time) = "{who}，第 {version} 版，{time}", "{who}, version {version}, {time}";
    article_kept() = "已收藏", "kept among your own";
    article_not_kept() = "已取消收藏", "no longer among your own";
    article_made(id, title) = "草稿 {id}：{title}", "draft {id}: {title}";
    article_state(id, stage, version) = "知识 {id}：{stage}，第 {version} 版", "article {id}: {stage}, version {version}";
    article_readers_have(version) = "读者看到的是第 {version} 版", "readers have version {version}";
    article_left_out(file, what) = "{file}：已去掉 {what}", "{file}: left out {what}";
    article_maybe_made() = "可能已经保存，请先查看：waybell knowledge written", "it may have been made; look first: waybell knowledge written";
    one_file_for_title() = "--title 只能用于一个文件", "--title is for a single file";
    picture_missing(path) = "图片 {path} 不在文件旁边", "the picture {path} is not beside the file";
    picture_saved(path) = "图片已存为 {path}", "picture saved as {path}";
    picture_not_here() = "图片不在本机，有网络时再看", "the picture is not here; look again with a network";
    folder_made(path) = "目录 {path} 已有", "folder {path} is there";
    folder_changed(path) = "目录 {path} 已修改", "folder {path} is changed";
    folder_removed(path) = "目录 {path} 已删除", "folder {path} is removed";
    know_id() = "编号", "id";
    know_title() = "标题", "title";
    know_path() = "目录", "folder";
    know_line() = "内容", "text";
    know_views() = "阅读", "read";
    know_stage() = "状态", "stage";
    know_version() = "版本", "version";
    know_by() = "作者", "by";
    know_time() = "时间", "when";
    know_note() = "说明", "note";
}
