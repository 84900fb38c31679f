// Who has words that are near to those of a question: the dictionary of each chunk, looked through where it begins as a
// word does, and the postings of what is near there.
#include <algorithm>

#include "index/error.h"
#include "index/index.h"
#include "index/keys.h"
#include "message/fuzzy.h"

namespace angarium::index {

using message::FuzzyWord;
using message::PlaceNearness;
using message::Presence;

/// One question at work.
class Comparison {
 public:
  Comparison(store::Tablet& tablet, AccountId account, const Question& question)
      : tablet_(tablet),
        account_(account),
        places_(question.places & message::kEveryPlace),
        words_(message::fuzzy_words(question.value)) {}

  [[nodiscard]] bool has_words() const { return !words_.empty(); }

  Result<std::optional<Alike>> run(std::optional<Found> named) {
    view_ = TRY(tablet_.view());
    const auto record = TRY(tablet_.get(record_key(RecordKind::state, account_), {.view = &view_}));
    if (!record) return std::nullopt;
    const State state = TRY(State::decode(*record));
    alike_.mark_ = state.mark;
    alike_.named_ = std::move(named);
    having_.assign(words_.size(), 0);
    for (const ChunkFacts& chunk : state.chunks) TRY(look_in(chunk));
    weigh(state.documents());
    return std::move(alike_);
  }

 private:
  Result<> look_in(const ChunkFacts& chunk) {
    const auto table = TRY(tablet_.get(chunk_key(RecordKind::documents, account_, chunk.id), {.view = &view_}));
    if (!table) return fail(kDamaged, "a chunk without documents");
    const std::vector<Document> documents = TRY(decode_documents(*table));
    chunk_ = chunk.id;
    std::vector<Presence> presences(documents.size() * words_.size());
    for (std::size_t word = 0; word < words_.size(); ++word) {
      nearest_.assign(documents.size(), PlaceNearness{});
      TRY(look_for(words_[word]));
      for (std::size_t i = 0; i < documents.size(); ++i) {
        const Presence presence = message::presence_of(nearest_[i]);
        presences[i * words_.size() + word] = presence;
        having_[word] += presence != 0 ? 1 : 0;
      }
    }
    for (std::size_t i = 0; i < documents.size(); ++i)
      keep(documents[i], std::span(presences).subspan(i * words_.size(), words_.size()));
    return {};
  }

  /// Who has enough of the words; scores are made when it is known how rare they are.
  void keep(const Document& document, std::span<const Presence> presences) {
    const auto email = static_cast<std::uint32_t>(document.email);
    if (!document.complete) {
      alike_.partial_.push_back(email);
      return;
    }
    if (message::fuzzy_score(presences, {}, places_) == 0) return;
    alike_.scored_.push_back({email, 0});
    presences_.insert(presences_.end(), presences.begin(), presences.end());
  }

  void weigh(std::uint64_t documents) {
    for (const std::uint64_t having : having_) alike_.weights_.push_back(message::weight_of(having, documents));
    for (std::size_t i = 0; i < alike_.scored_.size(); ++i) {
      const auto presences = std::span(presences_).subspan(i * words_.size(), words_.size());
      alike_.scored_[i].score = static_cast<std::uint8_t>(message::fuzzy_score(presences, alike_.weights_, places_));
    }
  }

  /// In the blocks that may have terms with its beginning.
  Result<> look_for(const FuzzyWord& word) {
    const std::string prefix = chunk_key(RecordKind::words, account_, chunk_);
    const std::string beginning = prefix + std::string(word.beginning());
    std::string from = beginning;
    // The block before may have the first of them.
    TRY(tablet_.scan(prefix, beginning + '\0', {.limit = 1, .direction = store::Direction::backward},
                     [&](std::string_view key, std::string_view) {
                       from = key;
                       return store::Step::stop;
                     },
                     {.view = &view_}));
    Result<> outcome;
    TRY(tablet_.scan(from, store::after_prefix(beginning), {},
                     [&](std::string_view key, std::string_view words) {
                       outcome = look_through(key.substr(kAfterChunk), words, word);
                       return outcome ? store::Step::next : store::Step::stop;
                     },
                     {.view = &view_}));
    return outcome;
  }

  struct NearTerm {
    std::size_t number = 0;
    std::uint8_t nearness = 0;
  };

  /// "\nTERM\nTERM\n"
  Result<> look_through(std::string_view first, std::string_view words, const FuzzyWord& word) {
    std::vector<NearTerm> near;
    std::size_t number = 0;
    for (std::size_t at = 1; at < words.size(); ++number) {
      const std::size_t end = std::min(words.find('\n', at), words.size());
      const unsigned nearness = word.nearness(words.substr(at, end - at));
      if (nearness != 0) near.push_back({number, static_cast<std::uint8_t>(nearness)});
      at = end + 1;
    }
    return near.empty() ? Result<>() : add(first, near);
  }

  Result<> add(std::string_view first, std::span<const NearTerm> near) {
    const auto record = TRY(tablet_.get(block_key(RecordKind::postings, account_, chunk_, first), {.view = &view_}));
    const PostingReader postings(record ? *record : std::string_view());
    for (const NearTerm& term : near) {
      const bool read = postings.ok() && term.number < postings.terms() &&
                        decode_postings(
                            postings.list(term.number), nearest_.size(), places_,
                            [&](Posting p) {
                              auto& nearest = nearest_[document_of(p)][place_of(p)];
                              nearest = std::max(nearest, term.nearness);
                            });
      if (!read) return fail(kDamaged, "postings of a term");
    }
    return {};
  }

  store::Tablet& tablet_;
  AccountId account_;
  Places places_;
  std::vector<FuzzyWord> words_;
  store::ReadView view_;
  std::uint32_t chunk_ = 0;
  std::vector<PlaceNearness> nearest_;  ///< of the word that is looked for, by documents of the chunk
  std::vector<Presence> presences_;     ///< of each in alike_.scored_ those of all words
  std::vector<std::uint64_t> having_;   ///< how many messages have each word
  Alike alike_;
};

const Alike::Scored* Alike::find(EmailId email) const {
  const auto at = std::ranges::lower_bound(scored_, email, {}, &Scored::email);
  return at != scored_.end() && at->email == email ? &*at : nullptr;
}

Found::Verdict Alike::of(EmailId email) const {
  using Verdict = Found::Verdict;
  if (email > mark_) return Verdict::look;
  if (named_ && named_->of(email) == Verdict::no) return Verdict::no;
  if (std::ranges::binary_search(partial_, email)) return Verdict::look;
  if (find(email) == nullptr) return Verdict::no;
  return named_ ? Verdict::look : Verdict::yes;
}

unsigned Alike::score(EmailId email) const {
  const Scored* const scored = find(email);
  return scored == nullptr ? 0 : scored->score;
}

Result<std::optional<Alike>> Index::find_alike(const Question& question) const {
  Comparison comparison(tablet_, account_, question);
  if (!comparison.has_words()) return std::nullopt;
  std::optional<Found> named;
  if (!question.name.empty()) named = TRY(find({.value = {}, .places = question.places, .name = question.name}));
  return comparison.run(std::move(named));
}

}  // namespace angarium::index
