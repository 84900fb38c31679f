// Any charset in use → UTF-8, by chunks of any size, and the folding that searching compares by. ICU is in charset.cpp
// and fold.cpp only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace angarium::message {

/// Whether a decoder stands behind the name. Names are those of IANA, of ICU, and of real mail ("utf8",
/// "ks_c_5601-1987", "x-sjis", "iso-8859-8-i", "unicode-1-1-utf-7"); without regard to case, blanks and quotes around
/// them.
bool known_charset(std::string_view charset);

/// Whether octets up to 127 are ASCII in the charset wherever they stand, so that a text of such octets alone is its
/// own UTF-8. True where Utf8Decoder reads UTF-8, and for the 8-bit charsets that mail uses most; else it may be so or
/// not.
bool keeps_ascii(std::string_view charset);

/// Turns octets of one charset into UTF-8. Input may be cut anywhere, also inside a character or an escape sequence.
/// What is ill-formed becomes U+FFFD and never fails. An unknown charset, and none at all, is read as UTF-8, so ASCII
/// is kept. As browsers do, labels are read as the larger charset that mail means by them: ISO-8859-1 as windows-1252,
/// GB2312 as GB18030, KS C 5601 as windows-949, Shift_JIS as windows-31J. One thread at a time; may be moved.
class Utf8Decoder {
 public:
  explicit Utf8Decoder(std::string_view charset);
  Utf8Decoder(Utf8Decoder&&) noexcept;
  Utf8Decoder& operator=(Utf8Decoder&&) noexcept;
  ~Utf8Decoder();

  /// Appends the UTF-8 of all characters that are complete by now.
  void feed(std::string_view octets, std::string& out);
  /// Appends what an incomplete character at the end becomes. After it the decoder begins anew.
  void finish(std::string& out);

 private:
  struct Converter;
  std::unique_ptr<Converter> converter_;  ///< none for UTF-8 itself
  std::string pending_;                   ///< at most three octets of an incomplete UTF-8 character
};

/// The whole text at once.
std::string to_utf8(std::string_view octets, std::string_view charset);
/// The text with every ill-formed part as U+FFFD; what is well-formed stays.
std::string repair_utf8(std::string_view text);

/// Appends the text in the form in which i;unicode-casemap compares octets (RFC 5051): each character in title case,
/// then decomposed. Character by character, so whole characters may be folded by chunks; a text contains another
/// without regard to case when its folded form does. Ill-formed octets stay as they are.
void append_folded(std::string& out, std::string_view utf8);
std::string fold_case(std::string_view utf8);

}  // namespace angarium::message
