#include "message/structure_fields.h"

#include <algorithm>

#include "base/text.h"
#include "message/lexical.h"

namespace angarium::message {

namespace {

std::size_t token_end(std::string_view text, std::size_t at) {
  while (at < text.size() && is_of(text[at], kToken)) ++at;
  return at;
}

/// Reads a parameter's value from `at`, which is moved behind it.
std::string parameter_value(std::string_view text, std::size_t& at) {
  std::string value;
  if (at < text.size() && text[at] == '"') {
    for (++at; at < text.size() && text[at] != '"'; ++at) {
      if (text[at] == '\\' && at + 1 < text.size()) ++at;
      if (text[at] != '\r' && text[at] != '\n') value += text[at];
    }
    if (at < text.size()) ++at;
    return value;
  }
  while (at < text.size() && text[at] != ';' && !is_space(text[at])) value += text[at++];
  return value;
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      result += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

/// One parameter named boundary, boundary*, boundary*0, boundary*0* … is added to what stands already.
void add_boundary_section(std::string& boundary, std::string_view name, std::string value) {
  constexpr std::string_view kName = "boundary";
  if (name.size() == kName.size()) {
    if (boundary.empty()) boundary = std::move(value);
    return;
  }
  // RFC 2231 §4.1: charset'language'text in the first section.
  if (name.ends_with('*')) {
    if (boundary.empty()) {
      const std::size_t first = value.find('\'');
      const std::size_t second = first == std::string::npos ? first : value.find('\'', first + 1);
      if (second != std::string::npos) value.erase(0, second + 1);
    }
    value = percent_decoded(value);
  }
  boundary += value;
}

}  // namespace

MediaType parse_media_type(std::string_view value) {
  MediaType media;
  media.type_at = skip_cfws(value, 0);
  const std::size_t type_end = token_end(value, media.type_at);
  media.type_size = type_end - media.type_at;
  const std::size_t slash = skip_cfws(value, type_end);
  if (media.type_size == 0 || slash >= value.size() || value[slash] != '/') return media;
  media.subtype_at = skip_cfws(value, slash + 1);
  media.subtype_size = token_end(value, media.subtype_at) - media.subtype_at;
  media.valid = media.subtype_size != 0;
  return media;
}

ParameterReader::ParameterReader(std::string_view value) : value_(value) {
  // Behind the word that the parameters follow: "type/subtype" or a disposition.
  at_ = token_end(value_, skip_cfws(value_, 0));
  const std::size_t slash = skip_cfws(value_, at_);
  if (slash < value_.size() && value_[slash] == '/') at_ = token_end(value_, skip_cfws(value_, slash + 1));
}

bool ParameterReader::next(std::string_view& name, std::string& value) {
  // Semicolons may be doubled or missing: a word with "=" behind it is a parameter wherever it stands.
  while (true) {
    at_ = skip_cfws(value_, at_);
    if (at_ >= value_.size()) return false;
    const std::size_t name_at = at_;
    while (at_ < value_.size() && value_[at_] != '=' && value_[at_] != ';' && !is_space(value_[at_])) ++at_;
    name = value_.substr(name_at, at_ - name_at);
    at_ = skip_cfws(value_, at_);
    if (at_ >= value_.size() || value_[at_] != '=') {
      if (at_ < value_.size() && value_[at_] == ';') ++at_;
      continue;
    }
    at_ = skip_cfws(value_, at_ + 1);
    value = parameter_value(value_, at_);
    if (!name.empty()) return true;
  }
}

std::string boundary_parameter(std::string_view value) {
  std::string boundary;
  std::string_view name;
  std::string text;
  ParameterReader reader(value);
  while (reader.next(name, text))
    if (starts_with_ignore_case(name, "boundary") && (name.size() == 8 || name[8] == '*'))
      add_boundary_section(boundary, name, std::move(text));
  return boundary;
}

}  // namespace angarium::message
