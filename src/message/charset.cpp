#include "message/charset.h"

#include <unicode/ucnv.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "message/octet_find.h"

namespace angarium::message {
namespace {

/// Longer names than any charset has are not looked up.
constexpr std::size_t kNameMax = 60;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Names that ICU does not know, or knows as something smaller than what mail means by them. In lower case, sorted.
constexpr std::pair<std::string_view, const char*> kAliases[] = {
    {"8bit", ""},
    {"ansi_x3.4-1968", ""},
    {"ascii", ""},
    {"chinesebig5", "Big5"},
    {"cn-big5", "Big5"},
    {"cn-gb", "gb18030"},
    {"cp932", "ibm-943_P15A-2003"},
    {"cp936", "gb18030"},
    {"cp949", "windows-949-2000"},
    {"csshiftjis", "ibm-943_P15A-2003"},
    {"default", ""},
    {"euc-kr", "windows-949-2000"},
    {"euc_kr", "windows-949-2000"},
    {"gb2312", "gb18030"},
    {"gb_2312-80", "gb18030"},
    {"gbk", "gb18030"},
    {"iso-8859-1", "ibm-5348_P100-1997"},
    {"iso-8859-11", "windows-874-2000"},
    {"iso-8859-6-e", "ISO-8859-6"},
    {"iso-8859-6-i", "ISO-8859-6"},
    {"iso-8859-8-e", "ISO-8859-8"},
    {"iso-8859-8-i", "ISO-8859-8"},
    {"iso8859-1", "ibm-5348_P100-1997"},
    {"iso_8859-1", "ibm-5348_P100-1997"},
    {"ks_c_5601", "windows-949-2000"},
    {"ks_c_5601-1987", "windows-949-2000"},
    {"ks_c_5601-1989", "windows-949-2000"},
    {"ksc5601", "windows-949-2000"},
    {"ksc_5601", "windows-949-2000"},
    {"latin1", "ibm-5348_P100-1997"},
    {"logical", "ISO-8859-8"},
    {"ms_kanji", "ibm-943_P15A-2003"},
    {"shift-jis", "ibm-943_P15A-2003"},
    {"shift_jis", "ibm-943_P15A-2003"},
    {"sjis", "ibm-943_P15A-2003"},
    {"tis-620", "windows-874-2000"},
    {"tis620", "windows-874-2000"},
    {"unicode-1-1-utf-7", "UTF-7"},
    {"unicode-1-1-utf-8", ""},
    {"unknown", ""},
    {"unknown-8bit", ""},
    {"us-ascii", ""},
    {"utf-8", ""},
    {"utf8", ""},
    {"utf_8", ""},
    {"visual", "ISO-8859-8"},
    {"windows-31j", "ibm-943_P15A-2003"},
    {"windows-936", "gb18030"},
    {"windows-949", "windows-949-2000"},
    {"x-euc-jp", "EUC-JP"},
    {"x-gbk", "gb18030"},
    {"x-mac-roman", "macintosh"},
    {"x-ms-cp932", "ibm-943_P15A-2003"},
    {"x-sjis", "ibm-943_P15A-2003"},
    {"x-unicode-2-0-utf-7", "UTF-7"},
    {"x-unknown", ""},
    {"x-user-defined", ""},
    {"x-x-big5", "Big5"},
};
static_assert(std::ranges::is_sorted(kAliases, {}, &std::pair<std::string_view, const char*>::first));

std::string_view bare_name(std::string_view charset) {
  charset = trim(charset);
  if (charset.size() >= 2 && charset.front() == '"' && charset.back() == '"')
    charset = charset.substr(1, charset.size() - 2);
  return charset;
}

/// ICU's name of the converter, or empty for UTF-8 and what is read as such.
std::string converter_name(std::string_view charset) {
  const std::string name = to_lower(bare_name(charset));
  const auto* alias =
      std::ranges::lower_bound(kAliases, std::string_view(name), {}, &std::pair<std::string_view, const char*>::first);
  if (alias != std::end(kAliases) && alias->first == name) return alias->second;
  return name;
}

/// Length of the well-formed UTF-8 character at the start of the text; 0 when it is cut off by the end; else minus the
/// octets that together are ill-formed (Unicode 15, table 3-7, and "substitution of maximal subparts").
int character_at(std::string_view text) {
  const auto octet = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = octet(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return -1;
  const int size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (int i = 1; i < size; ++i) {
    if (static_cast<std::size_t>(i) == text.size()) return 0;
    const unsigned next = octet(static_cast<std::size_t>(i));
    if (next < (i == 1 ? low : 0x80u) || next > (i == 1 ? high : 0xBFu)) return -i;
  }
  return size;
}

/// Appends the well-formed text with the ill-formed parts replaced; returns what an incomplete character left over.
std::string_view append_repaired(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t good = 0;
    int size = 1;
    while (good < text.size()) {
      good += is_ascii(text[good]) ? ascii_prefix(text.substr(good)) : 0;
      if (good == text.size() || (size = character_at(text.substr(good))) <= 0) break;
      good += static_cast<std::size_t>(size);
    }
    out.append(text.substr(0, good));
    text.remove_prefix(good);
    if (text.empty() || size == 0) break;
    out += kReplacement;
    text.remove_prefix(static_cast<std::size_t>(-size));
  }
  return text;
}

struct Close {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};
using Handle = std::unique_ptr<UConverter, Close>;

Handle open_converter(const std::string& name) {
  if (name.empty() || name.size() > kNameMax || name.find('\0') != std::string::npos) return nullptr;
  UErrorCode status = U_ZERO_ERROR;
  Handle handle(ucnv_open(name.c_str(), &status));
  // A converter of UTF-8 would be ours, and names with options (",locale=") are not for the wire to choose.
  if (U_FAILURE(status) || handle == nullptr || name.find(',') != std::string::npos) return nullptr;
  return handle;
}

}  // namespace

struct Utf8Decoder::Converter {
  static constexpr std::size_t kPivotSize = 1024;
  Handle from;
  Handle to;
  bool ascii = false;  ///< as keeps_ascii(); then each octet is a character, too
  std::array<UChar, kPivotSize> pivot{};
  UChar* pivot_source = pivot.data();
  UChar* pivot_target = pivot.data();

  void run(std::string_view octets, std::string& out, bool last) {
    const char* source = octets.data();
    const char* const source_end = source + octets.size();
    std::array<char, 4096> buffer{};
    UErrorCode status = U_ZERO_ERROR;
    do {
      status = U_ZERO_ERROR;
      char* target = buffer.data();
      ucnv_convertEx(to.get(), from.get(), &target, buffer.data() + buffer.size(), &source, source_end, pivot.data(),
                     &pivot_source, &pivot_target, pivot.data() + pivot.size(), false, last, &status);
      out.append(buffer.data(), static_cast<std::size_t>(target - buffer.data()));
    } while (status == U_BUFFER_OVERFLOW_ERROR);
    if (last || U_FAILURE(status)) reset();
  }

  void reset() {
    ucnv_reset(from.get());
    ucnv_reset(to.get());
    pivot_source = pivot_target = pivot.data();
  }
};

bool known_charset(std::string_view charset) {
  const std::string name = to_lower(bare_name(charset));
  if (name.empty() || name == "unknown" || name == "x-unknown" || name == "unknown-8bit") return false;
  const std::string converter = converter_name(name);
  return converter.empty() || open_converter(converter) != nullptr;
}

bool keeps_ascii(std::string_view charset) {
  constexpr std::string_view kFamilies[] = {"ibm-5348_", "iso-8859-",   "iso8859-",
                                            "koi8-",     "windows-125", "windows-874"};
  const std::string name = to_lower(converter_name(charset));
  return name.empty() ||
         std::ranges::any_of(kFamilies, [&name](std::string_view family) { return name.starts_with(family); });
}

Utf8Decoder::Utf8Decoder(std::string_view charset) {
  Handle from = open_converter(converter_name(charset));
  Handle to = from == nullptr ? nullptr : open_converter("UTF-8");
  if (to == nullptr) return;
  converter_ = std::make_unique<Converter>();
  converter_->from = std::move(from);
  converter_->to = std::move(to);
  converter_->ascii = keeps_ascii(charset);
}

Utf8Decoder::Utf8Decoder(Utf8Decoder&&) noexcept = default;
Utf8Decoder& Utf8Decoder::operator=(Utf8Decoder&&) noexcept = default;
Utf8Decoder::~Utf8Decoder() = default;

void Utf8Decoder::feed(std::string_view octets, std::string& out) {
  if (converter_ != nullptr) {
    const std::size_t plain = converter_->ascii ? ascii_prefix(octets) : 0;
    out.append(octets.substr(0, plain));
    if (plain < octets.size()) converter_->run(octets.substr(plain), out, false);
    return;
  }
  // At most three octets wait; four more complete or break whatever they began.
  while (!pending_.empty() && !octets.empty()) {
    pending_ += octets[0];
    octets.remove_prefix(1);
    const std::string rest(append_repaired(out, pending_));
    pending_ = rest;
  }
  pending_ += append_repaired(out, octets);
}

void Utf8Decoder::finish(std::string& out) {
  if (converter_ != nullptr) {
    // ICU drops an incomplete character when the flush brings no octets.
    UErrorCode status = U_ZERO_ERROR;
    const bool incomplete = ucnv_toUCountPending(converter_->from.get(), &status) > 0;
    const std::size_t size = out.size();
    converter_->run({}, out, true);
    if (incomplete && out.size() == size) out += kReplacement;
  } else if (!pending_.empty()) {
    out += kReplacement;
    pending_.clear();
  }
}

std::string to_utf8(std::string_view octets, std::string_view charset) {
  std::string out;
  out.reserve(octets.size());
  Utf8Decoder decoder(charset);
  decoder.feed(octets, out);
  decoder.finish(out);
  return out;
}

std::string repair_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  if (!append_repaired(out, text).empty()) out += kReplacement;
  return out;
}

}  // namespace angarium::message
