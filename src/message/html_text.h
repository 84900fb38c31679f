// The words of an HTML text, for previews and searching: not a renderer, and never for showing HTML safely.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace angarium::message {

/// Which parts of the page count.
enum class HtmlQuotes { keep, skip };

/// The text between the tags, character references decoded, blocks and line breaks as line feeds, without style,
/// script, head and comments; with `skip` also without blockquotes. At most `max` octets and a little. Any octets are
/// read; UTF-8 in, UTF-8 out; linear.
std::string html_to_text(std::string_view html, std::size_t max, HtmlQuotes quotes = HtmlQuotes::keep);

}  // namespace angarium::message
