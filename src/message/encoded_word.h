// Encoded words of RFC 2047, with the language tags of RFC 2231 §5, both ways.
#pragma once

#include <string>
#include <string_view>

namespace angarium::message {

/// An encoded word is at most this long, and a line that holds one too with its first blank (RFC 2047 §2).
inline constexpr std::size_t kEncodedWordMax = 75;

/// The text of an unstructured field (Subject, Comments, X-…), or of a comment without its parentheses: unfolded,
/// encoded words decoded, as UTF-8, without blanks at both ends. Adjacent words of one charset are joined before they
/// are decoded, so a character cut in two is whole again. Lenient: words without blanks around them, with blanks or
/// folds inside, in any length and with any base64 are decoded; what is no encoded word, or names no charset we know,
/// stays. Octets outside of words are taken as UTF-8. Never fails; linear.
std::string decode_text(std::string_view value);

/// The same of a part of a field that was unfolded and unquoted before; blanks at both ends stay.
std::string decode_words(std::string_view text);

/// Whether the text holds something that decode_words() would change.
bool has_encoded_word(std::string_view text);

/// Whether a text can stand in a header as it is, without encoded words: printable ASCII and blanks, nothing that reads
/// as an encoded word, no run that could not be folded.
bool plain_text(std::string_view utf8);

/// A text for an unstructured field: plain words stay, all from the first to the last word that needs it become encoded
/// words in UTF-8, never cut inside a character. `column` is where the text begins in its line ("Subject: " is 9), so
/// that the first word fits it; CR, LF and NUL become blanks; append_field() folds at the blanks between words.
std::string encode_text(std::string_view utf8, std::size_t column = 0);

/// A phrase (display name, keyword; RFC 5322 §3.2.5): atoms, one quoted string, or encoded words, whichever is needed.
std::string encode_phrase(std::string_view utf8, std::size_t column = 0);

}  // namespace angarium::message
