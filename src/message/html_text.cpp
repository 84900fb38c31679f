#include "message/html_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/text.h"
#include "message/octet_find.h"

namespace angarium::message {

namespace {

struct Entity {
  std::string_view name;
  std::string_view text;
};
/// The named references that occur in mail; others stay as they are.
constexpr Entity kEntities[] = {
    {"amp", "&"},    {"lt", "<"},     {"gt", ">"},     {"quot", "\""},  {"apos", "'"},   {"nbsp", " "},
    {"copy", "©"},   {"reg", "®"},    {"trade", "™"},  {"hellip", "…"}, {"mdash", "—"},  {"ndash", "–"},
    {"lsquo", "‘"},  {"rsquo", "’"},  {"ldquo", "“"},  {"rdquo", "”"},  {"laquo", "«"},  {"raquo", "»"},
    {"bull", "•"},   {"middot", "·"}, {"euro", "€"},   {"pound", "£"},  {"cent", "¢"},   {"yen", "¥"},
    {"sect", "§"},   {"deg", "°"},    {"auml", "ä"},   {"ouml", "ö"},   {"uuml", "ü"},   {"Auml", "Ä"},
    {"Ouml", "Ö"},   {"Uuml", "Ü"},   {"szlig", "ß"},  {"eacute", "é"}, {"egrave", "è"}, {"ecirc", "ê"},
    {"agrave", "à"}, {"aacute", "á"}, {"acirc", "â"},  {"ccedil", "ç"}, {"ntilde", "ñ"}, {"oacute", "ó"},
    {"ocirc", "ô"},  {"uacute", "ú"}, {"ugrave", "ù"}, {"iacute", "í"}, {"icirc", "î"},  {"iuml", "ï"},
    {"oslash", "ø"}, {"aring", "å"},  {"aelig", "æ"},  {"times", "×"},  {"zwnj", ""},    {"zwj", ""},
    {"shy", ""},
};
constexpr std::size_t kEntityMax = 10;

void append_code_point(std::string& out, std::uint32_t code) {
  if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
  if (code == 0xA0) code = ' ';
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 63));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 63));
    out += static_cast<char>(0x80 | (code & 63));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 63));
    out += static_cast<char>(0x80 | (code >> 6 & 63));
    out += static_cast<char>(0x80 | (code & 63));
  }
}

/// What a tag does to the text.
enum class Effect : std::uint8_t {
  none,
  blank,   ///< parts what stands at its sides
  line,    ///< begins a line
  quote,   ///< the same, and what is within is quoted
  hidden,  ///< what is within is no text
};
/// In lower case, sorted.
constexpr std::pair<std::string_view, Effect> kTags[] = {
    {"article", Effect::line},  {"blockquote", Effect::quote}, {"br", Effect::line},      {"div", Effect::line},
    {"h1", Effect::line},       {"h2", Effect::line},          {"h3", Effect::line},      {"h4", Effect::line},
    {"h5", Effect::line},       {"h6", Effect::line},          {"head", Effect::hidden},  {"hr", Effect::line},
    {"li", Effect::line},       {"ol", Effect::line},          {"p", Effect::line},       {"pre", Effect::line},
    {"script", Effect::hidden}, {"section", Effect::line},     {"style", Effect::hidden}, {"table", Effect::line},
    {"td", Effect::blank},      {"th", Effect::blank},         {"title", Effect::hidden}, {"tr", Effect::line},
    {"ul", Effect::line},
};
static_assert(std::ranges::is_sorted(kTags, {}, &std::pair<std::string_view, Effect>::first));

Effect effect_of(std::string_view tag) {
  std::array<char, 10> lower{};
  if (tag.size() > lower.size()) return Effect::none;
  std::ranges::transform(tag, lower.begin(), [](char c) { return to_lower(c); });
  const std::string_view name(lower.data(), tag.size());
  const auto* const found = std::ranges::lower_bound(kTags, name, {}, &std::pair<std::string_view, Effect>::first);
  return found != std::end(kTags) && found->first == name ? found->second : Effect::none;
}

class HtmlReader {
 public:
  HtmlReader(std::string_view html, std::size_t max, HtmlQuotes quotes) : html_(html), max_(max), quotes_(quotes) {}

  std::string read() {
    while (at_ < html_.size() && out_.size() < max_) {
      const char c = html_[at_];
      if (c == '<')
        markup();
      else if (c == '&')
        reference();
      else
        text();
    }
    return std::move(out_);
  }

 private:
  void text() {
    const std::size_t end = at_ + find_either(html_.substr(at_), '<', '&');
    if (quoted_ == 0) {
      std::size_t length = std::min(end - at_, max_ - out_.size());
      // No character is cut: three more octets make any of them whole.
      for (int left = 3; left > 0 && at_ + length < end && (html_[at_ + length] & 0xC0) == 0x80; --left) ++length;
      out_ += html_.substr(at_, length);
    }
    at_ = end;
  }

  void put(std::string_view text) {
    if (quoted_ == 0) out_ += text;
  }

  void reference() {
    const std::string_view rest = html_.substr(at_ + 1, kEntityMax + 1);
    std::size_t end = 0;
    while (end < rest.size() && (is_alnum(rest[end]) || rest[end] == '#')) ++end;
    if (end == rest.size() || rest[end] != ';') {
      put("&");
      ++at_;
      return;
    }
    std::string_view name = rest.substr(0, end);
    at_ += end + 2;
    if (name.starts_with('#')) {
      name.remove_prefix(1);
      const bool hexadecimal = name.starts_with('x') || name.starts_with('X');
      if (hexadecimal) name.remove_prefix(1);
      std::uint32_t code = 0;
      const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), code, hexadecimal ? 16 : 10);
      if (quoted_ == 0 && error == std::errc{} && stop == name.data() + name.size()) append_code_point(out_, code);
      return;
    }
    for (const Entity& entity : kEntities)
      if (entity.name == name) return put(entity.text);
    put("&");
    put(name);
    put(";");
  }

  void markup() {
    if (html_.substr(at_).starts_with("<!--")) {
      const std::size_t end = html_.find("-->", at_ + 4);
      at_ = end == std::string_view::npos ? html_.size() : end + 3;
      return;
    }
    std::size_t name_at = at_ + 1;
    const bool closing = name_at < html_.size() && html_[name_at] == '/';
    if (closing) ++name_at;
    if (name_at >= html_.size() || (!is_alpha(html_[name_at]) && html_[name_at] != '!' && html_[name_at] != '?')) {
      put("<");
      ++at_;
      return;
    }
    std::size_t name_end = name_at;
    while (name_end < html_.size() && is_alnum(html_[name_end])) ++name_end;
    const std::string_view name = html_.substr(name_at, name_end - name_at);
    skip_tag(name_end);
    const Effect effect = effect_of(name);
    if (effect == Effect::hidden && !closing) skip_element(name);
    if (effect == Effect::line || effect == Effect::quote) put("\n");
    if (effect == Effect::blank) put(" ");
    if (effect == Effect::quote && quotes_ == HtmlQuotes::skip) {
      if (!closing) ++quoted_;
      if (closing && quoted_ > 0) --quoted_;
    }
  }

  /// To behind the ">" of a tag; quoted attribute values may hold one.
  void skip_tag(std::size_t at) {
    for (; at < html_.size() && html_[at] != '>'; ++at) {
      const char c = html_[at];
      if ((c == '"' || c == '\'') && html_[at - 1] == '=') at = std::min(html_.find(c, at + 1), html_.size() - 1);
    }
    at_ = std::min(at + 1, html_.size());
  }

  /// To the end tag of an element whose content is no text; to the end when it has none.
  void skip_element(std::string_view name) {
    while (true) {
      const std::size_t end = html_.find("</", at_);
      if (end == std::string_view::npos) {
        at_ = html_.size();
        return;
      }
      at_ = end + 2;
      if (starts_with_ignore_case(html_.substr(at_), name)) return skip_tag(at_);
    }
  }

  std::string_view html_;
  std::size_t max_;
  HtmlQuotes quotes_;
  std::size_t at_ = 0;
  std::size_t quoted_ = 0;  // open blockquotes
  std::string out_;
};

}  // namespace

std::string html_to_text(std::string_view html, std::size_t max, HtmlQuotes quotes) {
  return HtmlReader(html, max, quotes).read();
}

}  // namespace angarium::message
