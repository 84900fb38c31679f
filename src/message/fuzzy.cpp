#include "message/fuzzy.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "message/charset.h"
#include "message/encoded_word.h"
#include "message/words.h"

namespace angarium::message {
namespace {

constexpr unsigned kEqual = 100;
/// What a mistake leaves of it.
constexpr unsigned kMistaken = 90;
constexpr unsigned kMistake = 135;
/// Another ending, or more behind it: and more the more is the same.
constexpr unsigned kAlike = 50;
constexpr unsigned kBeginsMore = 40;
constexpr unsigned kStemMore = 30;
/// A part of a pair.
constexpr unsigned kContained = 90;
/// Letters of a word that may be the beginning of another: two begin half a dictionary.
constexpr std::size_t kBeginningMin = 3;
/// Letters of a stem at least, and of the endings at most.
constexpr std::size_t kStemMin = 4;
constexpr std::size_t kEndingMax = 3;

/// What a place says about a message, in halves; in the order of TextPlace. BM25F's weights of fields.
constexpr std::array<unsigned, kTextPlaces> kPlaceWeights = {2, 1, 6, 4, 2, 2, 2, 1};
static_assert(static_cast<unsigned>(TextPlace::mime) == kTextPlaces - 1);
/// Where twice as much of a word begins to say little more: BM25's k1.
constexpr double kSaturation = 1.2;

double saturated(double presence) {
  const double amount = presence / (2.0 * kEqual);
  return amount / (amount + kSaturation);
}

/// Of folded text, whose letters are well-formed.
std::u32string letters_of(std::string_view utf8) {
  std::u32string letters;
  for (std::size_t at = 0; at < utf8.size();) {
    const auto first = static_cast<unsigned char>(utf8[at++]);
    char32_t c = first < 0x80 ? first : first < 0xE0 ? first & 0x1F : first < 0xF0 ? first & 0x0F : first & 0x07;
    for (; at < utf8.size() && (static_cast<unsigned char>(utf8[at]) & 0xC0) == 0x80; ++at)
      c = c << 6 | (static_cast<unsigned char>(utf8[at]) & 0x3F);
    letters += c;
  }
  return letters;
}

std::size_t mistakes_forgiven(std::size_t letters) { return letters <= 2 ? 0 : letters <= 5 ? 1 : 2; }

/// Insertions, deletions, changes and swaps of neighbours that make one of the other; above `most` any number above it.
std::size_t mistakes(std::u32string_view a, std::u32string_view b, std::size_t most) {
  const std::size_t longer = std::max(a.size(), b.size());
  if (longer - std::min(a.size(), b.size()) > most) return most + 1;
  using Row = std::array<std::size_t, kFuzzyLettersMax + 4>;
  Row before{};
  Row last{};
  Row row{};
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    std::size_t least = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
      least = std::min(least, row[j]);
    }
    if (least > most) return most + 1;
    before = last;
    last = row;
  }
  return last[b.size()];
}

std::size_t characters_in(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// The octets of the first character.
std::size_t first_character(std::string_view utf8) {
  std::size_t end = 1;
  while (end < utf8.size() && (static_cast<unsigned char>(utf8[end]) & 0xC0) == 0x80) ++end;
  return end;
}

}  // namespace

FuzzyWord::FuzzyWord(std::string_view term, bool dense) : term_(term), letters_(letters_of(term)), beginning_(term) {
  if (dense) {
    form_ = letters_.size() == 1 ? Form::character : Form::pair;
    if (form_ == Form::character) beginning_.clear();
    return;
  }
  const bool forgiven = letters_.size() <= kFuzzyLettersMax && std::ranges::none_of(term, is_digit);
  form_ = forgiven ? Form::letters : Form::exact;
  // The first letter is right: so one range of a sorted dictionary has all that is near.
  if (forgiven) beginning_.resize(first_character(term_));
}

unsigned FuzzyWord::near_letters(std::u32string_view other) const {
  unsigned nearest = 0;
  const auto same = static_cast<std::size_t>(std::ranges::mismatch(letters_, other).in1 - letters_.begin());
  const std::size_t longer = std::max(letters_.size(), other.size());
  const std::size_t endings = std::max(letters_.size() - same, other.size() - same);
  if (same >= kStemMin && 2 * same >= longer && endings <= kEndingMax)
    nearest = kAlike + static_cast<unsigned>(kStemMore * same / longer);
  const std::size_t forgiven = mistakes_forgiven(letters_.size());
  if (forgiven == 0 || other.size() > letters_.size() + forgiven) return nearest;
  const std::size_t made = mistakes(letters_, other, forgiven);
  if (made > forgiven) return nearest;
  return std::max(nearest, kMistaken - static_cast<unsigned>(kMistake * made / letters_.size()));
}

unsigned FuzzyWord::nearness(std::string_view term) const {
  if (!term.starts_with(beginning_)) return 0;
  if (term == term_) return kEqual;
  if (form_ == Form::pair) return 0;
  if (form_ == Form::character) return term.contains(term_) ? kContained : 0;
  if (letters_.size() >= kBeginningMin && term.starts_with(term_))
    return kAlike + static_cast<unsigned>(kBeginsMore * letters_.size() / characters_in(term));
  return form_ == Form::letters ? near_letters(letters_of(term)) : 0;
}

std::vector<FuzzyWord> fuzzy_words(std::string_view utf8) {
  const std::string folded = fold_case(utf8);
  std::vector<FuzzyWord> words;
  RunReader runs(folded);
  while (words.size() < kFuzzyWordsMax) {
    const auto run = runs.next();
    if (!run) break;
    each_term(*run, [&](std::string_view term) {
      if (words.size() < kFuzzyWordsMax && std::ranges::find(words, term, &FuzzyWord::term) == words.end())
        words.emplace_back(term, run->dense);
    });
  }
  return words;
}

Presence presence_of(const PlaceNearness& nearest) {
  unsigned sum = 0;
  for (std::size_t place = 0; place < nearest.size(); ++place) sum += kPlaceWeights[place] * nearest[place];
  return static_cast<Presence>(sum);
}

float weight_of(std::uint64_t messages, std::uint64_t all) {
  const auto having = static_cast<double>(messages);
  const auto lacking = static_cast<double>(all - std::min(messages, all));
  return static_cast<float>(std::log1p((lacking + 0.5) / (having + 0.5)));
}

unsigned fuzzy_score(std::span<const Presence> words, std::span<const float> weights, TextPlaces places) {
  const auto present = static_cast<std::size_t>(std::ranges::count_if(words, [](Presence p) { return p != 0; }));
  if (present == 0 || !enough_words(present, words.size())) return 0;
  PlaceNearness most{};
  for (std::size_t place = 0; place < kTextPlaces; ++place) most[place] = (places >> place & 1) != 0 ? kEqual : 0;
  double sum = 0;
  double whole = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const double weight = i < weights.size() ? static_cast<double>(weights[i]) : 1;
    sum += weight * saturated(words[i]);
    whole += weight * saturated(presence_of(most));
  }
  return std::clamp(static_cast<unsigned>(std::lround(100 * sum / whole)), 1U, 100U);
}

/// Looks for the nearest terms of one message.
class FuzzySearch::Look final : public TextVisitor {
 public:
  explicit Look(const FuzzySearch& search) : search_(search), nearest_(search.words_.size()) {}

  bool field(TextPlace place, const Field& field) override {
    if (!search_.name_.empty() && !field.is(search_.name_)) return false;
    // As the index has it: the names of fields are text in what is enclosed.
    if ((place_bit(place) & kHeaderPlaces) == 0) look(place, field.name);
    look(place, decode_text(field.value));
    return false;
  }
  bool text(TextPlace place, std::string_view utf8, Extent) override {
    look(place, utf8);
    return false;
  }
  [[nodiscard]] unsigned score() const {
    std::vector<Presence> presences;
    presences.reserve(nearest_.size());
    for (const PlaceNearness& nearest : nearest_) presences.push_back(presence_of(nearest));
    return fuzzy_score(presences, search_.weights_, search_.places_);
  }

 private:
  void look(TextPlace place, std::string_view utf8) {
    folded_.clear();
    append_folded(folded_, utf8);
    RunReader runs(folded_);
    while (const auto run = runs.next()) each_term(*run, [&](std::string_view term) { compare(place, term); });
  }
  void compare(TextPlace place, std::string_view term) {
    for (std::size_t i = 0; i < nearest_.size(); ++i) {
      auto& nearest = nearest_[i][static_cast<std::size_t>(place)];
      if (nearest < kEqual) nearest = std::max(nearest, static_cast<std::uint8_t>(search_.words_[i].nearness(term)));
    }
  }

  const FuzzySearch& search_;
  std::vector<PlaceNearness> nearest_;
  std::string folded_;
};

unsigned FuzzySearch::score(std::string_view octets, const Structure* structure) const {
  Look look(*this);
  (void)visit_texts(octets, structure, places_, look);
  return look.score();
}

}  // namespace angarium::message
