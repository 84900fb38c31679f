// SEARCH that need not be exact (RFC 6203): the words of what is looked for, how near the words of a message are to
// them, and how well that message therefore fits. One arithmetic for who reads mail and who asks an index, so that both
// find the same.
//
//     nearness   of a word and a term of a message, 1 to 100; 0: they have nothing to do with one another
//     presence   of a word in a message: its nearest terms in each place, by what the place says about a message
//     score      of a message, 1 to 100: the presences of all words, the rare ones counting more; 0: it is not meant
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "message/search_text.h"

namespace angarium::message {

/// Words of a text that count (RFC 6203 §8: a search is not to cost without bounds): each is compared with every term.
inline constexpr std::size_t kFuzzyWordsMax = 16;
/// Characters of a word up to which mistakes in it are forgiven: the longest words that people type. Beyond, and where
/// there are digits, only its beginning has to be right.
inline constexpr std::size_t kFuzzyLettersMax = 32;

/// A word that is looked for: a term (words.h), prepared for many comparisons.
class FuzzyWord {
 public:
  explicit FuzzyWord(std::string_view term, bool dense);
  [[nodiscard]] const std::string& term() const { return term_; }
  /// Whatever is near begins with this; empty: it may begin in any way.
  [[nodiscard]] std::string_view beginning() const { return beginning_; }
  /// Of a folded term, 0 to 100.
  [[nodiscard]] unsigned nearness(std::string_view term) const;

 private:
  enum class Form : std::uint8_t {
    letters,    ///< mistakes and other endings are near
    exact,      ///< equal, or the beginning of a longer one
    pair,       ///< of dense characters: equal
    character,  ///< one dense character: equal, or part of a pair
  };
  [[nodiscard]] unsigned near_letters(std::u32string_view other) const;

  std::string term_;
  std::u32string letters_;
  std::string beginning_;
  Form form_;
};

/// The words of a text, each once, the first kFuzzyWordsMax. None: it can only be looked for exactly.
std::vector<FuzzyWord> fuzzy_words(std::string_view utf8);

/// The nearest term to a word in each place.
using PlaceNearness = std::array<std::uint8_t, kTextPlaces>;
/// How much of a word is in a message; 0: nothing.
using Presence = std::uint16_t;
Presence presence_of(const PlaceNearness& nearest);

/// Whether so many words of so many are enough: both of two, two of three.
constexpr bool enough_words(std::size_t present, std::size_t all) { return present >= all - all / 3; }
/// What a word counts for that so many of so many messages have.
float weight_of(std::uint64_t messages, std::uint64_t all);
/// 0 to 100. `weights`: of the words; none: all count the same. `places`: where they were looked for.
unsigned fuzzy_score(std::span<const Presence> words, std::span<const float> weights, TextPlaces places);

/// What is looked for, prepared once for many messages.
class FuzzySearch {
 public:
  /// `name`: only in fields of that name.
  FuzzySearch(TextPlaces places, std::string_view utf8, std::string_view name = {}, std::span<const float> weights = {})
      : places_(places), words_(fuzzy_words(utf8)), name_(name), weights_(weights.begin(), weights.end()) {}
  /// As TextSearch::found_in(). 0: it does not match; else 1 to 100. From any thread.
  [[nodiscard]] unsigned score(std::string_view octets, const Structure* structure) const;

 private:
  class Look;
  TextPlaces places_;
  std::vector<FuzzyWord> words_;
  std::string name_;
  std::vector<float> weights_;
};

}  // namespace angarium::message
