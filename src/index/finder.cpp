// Who may contain a text: the conditions that its words make, each looked up in the dictionaries of the chunks.
#include <algorithm>
#include <bit>
#include <cstring>

#include "index/error.h"
#include "index/index.h"
#include "index/keys.h"
#include "index/words.h"
#include "message/charset.h"

namespace angarium::index {
namespace {

/// With so few left it costs less to look into them than to look through the whole dictionary.
constexpr std::size_t kFewEnough = 16;

/// A condition as what stands in a block of words.
std::string needle_of(const Condition& condition) {
  using Kind = Condition::Kind;
  const bool begins = condition.kind == Kind::equals || condition.kind == Kind::begins;
  const bool ends = condition.kind == Kind::equals || condition.kind == Kind::ends;
  return (begins ? "\n" : "") + condition.term + (ends ? "\n" : "");
}

bool knows_beginning(const Condition& condition) {
  return condition.kind == Condition::Kind::equals || condition.kind == Condition::Kind::begins;
}

/// Calls `each` with the numbers of the terms in a block that a needle stands in, ascending.
template <class Each>
void matching_terms(std::string_view words, std::string_view needle, const Each& each) {
  std::size_t term = 0;
  std::size_t counted = 1;  // behind the line feed before the first term
  for (std::size_t at = 0; at < words.size();) {
    const void* const hit = ::memmem(words.data() + at, words.size() - at, needle.data(), needle.size());
    if (hit == nullptr) return;
    // A needle that begins with the line feed before its term stands in that term.
    std::size_t place = static_cast<std::size_t>(static_cast<const char*>(hit) - words.data());
    if (needle.front() == '\n') ++place;
    term += static_cast<std::size_t>(std::count(words.data() + counted, words.data() + place, '\n'));
    counted = place;
    each(term);
    const std::size_t end = words.find('\n', place);
    if (end == std::string_view::npos) return;
    at = end;  // the next term's own line feed
  }
}

/// Some of a chunk's documents.
class Set {
 public:
  enum class Begin : std::uint8_t { empty, full };
  Set(std::size_t documents, Begin begin)
      : words_((documents + 63) / 64, begin == Begin::full ? ~std::uint64_t{0} : std::uint64_t{0}) {}
  void insert(std::uint32_t document) { words_[document / 64] |= std::uint64_t{1} << document % 64; }
  [[nodiscard]] bool has(std::size_t document) const { return (words_[document / 64] >> document % 64 & 1) != 0; }
  void keep(const Set& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  }
  /// More than so many.
  [[nodiscard]] bool exceeds(std::size_t count) const {
    for (std::size_t i = 0, sum = 0; i < words_.size(); ++i)
      if ((sum += static_cast<std::size_t>(std::popcount(words_[i]))) > count) return true;
    return false;
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace

class Finder {
 public:
  Finder(store::Tablet& tablet, AccountId account, Places places)
      : tablet_(tablet), account_(account), places_(places) {}

  /// `named`: the question is of one field alone, whose name is only known by its words.
  Result<std::optional<Found>> find(const Conditions& text, const Conditions& name, bool named) {
    view_ = TRY(tablet_.view());
    const auto record = TRY(tablet_.get(record_key(RecordKind::state, account_), {.view = &view_}));
    if (!record) return std::nullopt;
    const State state = TRY(State::decode(*record));
    Found found;
    found.mark_ = state.mark;
    found.exact_ = text.exact && !named;
    for (const ChunkFacts& chunk : state.chunks) TRY(look_in(chunk, text, name, found));
    return found;
  }

 private:
  Result<> look_in(const ChunkFacts& chunk, const Conditions& text, const Conditions& name, Found& found) {
    const auto table = TRY(tablet_.get(chunk_key(RecordKind::documents, account_, chunk.id), {.view = &view_}));
    if (!table) return fail(kDamaged, "a chunk without documents");
    const std::vector<Document> documents = TRY(decode_documents(*table));
    chunk_ = chunk.id;
    documents_ = documents.size();
    Set those(documents.size(), Set::Begin::full);
    for (const Condition& condition : name.all) TRY(narrow(those, condition, Places{1} << kNamePlace));
    // First what is found without looking through all.
    for (const Condition& condition : text.all)
      if (knows_beginning(condition)) TRY(narrow(those, condition, places_));
    for (const Condition& condition : text.all) {
      const bool worth = text.exact || those.exceeds(kFewEnough);
      if (!knows_beginning(condition) && worth) TRY(narrow(those, condition, places_));
    }
    for (std::size_t i = 0; i < documents.size(); ++i) {
      if (!documents[i].complete) set(found.partial_, documents[i].email);
      if (those.has(i) || !documents[i].complete) set(found.maybe_, documents[i].email);
    }
    return {};
  }

  static void set(Found::Bits& bits, EmailId email) {
    if (email / 64 >= bits.size()) bits.resize(email / 64 + 1);
    bits[email / 64] |= std::uint64_t{1} << email % 64;
  }

  /// Leaves those that have such a term there.
  Result<> narrow(Set& those, const Condition& condition, Places places) {
    Set having(documents_, Set::Begin::empty);
    if (knows_beginning(condition)) {
      TRY(look_up(condition, places, having));
    } else {
      const std::string prefix = chunk_key(RecordKind::words, account_, chunk_);
      TRY(look_through(prefix, store::after_prefix(prefix), condition, places, having));
    }
    those.keep(having);
    return {};
  }

  /// In the blocks that may have terms with this beginning.
  Result<> look_up(const Condition& condition, Places places, Set& having) {
    const std::string prefix = chunk_key(RecordKind::words, account_, chunk_);
    const std::string beginning = prefix + condition.term;
    std::string from = beginning;
    // The block before may have the first of them.
    TRY(tablet_.scan(prefix, beginning + '\0', {.limit = 1, .direction = store::Direction::backward},
                     [&](std::string_view key, std::string_view) {
                       from = key;
                       return store::Step::stop;
                     },
                     {.view = &view_}));
    const std::string to =
        condition.kind == Condition::Kind::equals ? beginning + '\0' : store::after_prefix(beginning);
    return look_through(from, to, condition, places, having);
  }

  Result<> look_through(const std::string& from, const std::string& to, const Condition& condition, Places places,
                        Set& having) {
    const std::string needle = needle_of(condition);
    std::vector<std::size_t> terms;
    Result<> outcome;
    TRY(tablet_.scan(from, to, {},
                     [&](std::string_view key, std::string_view words) {
                       terms.clear();
                       matching_terms(words, needle, [&](std::size_t term) { terms.push_back(term); });
                       if (!terms.empty()) outcome = add(key.substr(kAfterChunk), terms, places, having);
                       return outcome ? store::Step::next : store::Step::stop;
                     },
                     {.view = &view_}));
    return outcome;
  }

  Result<> add(std::string_view first, const std::vector<std::size_t>& terms, Places places, Set& having) {
    const auto record = TRY(tablet_.get(block_key(RecordKind::postings, account_, chunk_, first), {.view = &view_}));
    const PostingReader postings(record ? *record : std::string_view());
    for (const std::size_t term : terms) {
      const bool read =
          postings.ok() && term < postings.terms() &&
          decode_postings(postings.list(term), documents_, places, [&](Posting p) { having.insert(document_of(p)); });
      if (!read) return fail(kDamaged, "postings of a term");
    }
    return {};
  }

  store::Tablet& tablet_;
  AccountId account_;
  Places places_;
  store::ReadView view_;
  std::uint32_t chunk_ = 0;
  std::size_t documents_ = 0;
};

Result<std::optional<Found>> Index::find(const Question& question) const {
  const Conditions text = conditions_of(message::fold_case(question.value));
  const Conditions name = whole_conditions_of(message::fold_case(question.name));
  if (text.all.empty() && name.all.empty()) return std::nullopt;
  return Finder(tablet_, account_, question.places).find(text, name, !question.name.empty());
}

}  // namespace angarium::index
