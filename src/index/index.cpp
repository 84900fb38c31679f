#include "index/index.h"

#include <algorithm>

#include "index/error.h"
#include "index/keys.h"
#include "store/codec.h"
#include "store/error.h"

namespace angarium::index {
namespace {

using store::put_number;
using store::RecordReader;

/// Raised whenever other texts are walked through than before: an index that lacks some is made anew.
constexpr std::uint8_t kVersion = 2;
/// So many neighbours of about one size become one that is as many times larger.
constexpr std::size_t kMergeFactor = 8;

/// Collects blocks into batches that nobody sees until the state names their chunk.
class Writing {
 public:
  Writing(store::Tablet& tablet, AccountId account, std::uint32_t chunk)
      : tablet_(tablet), account_(account), chunk_(chunk) {}

  Result<> begin(std::span<const Document> documents) {
    // What a writer that ended too early left under this number.
    for (const RecordKind kind : {RecordKind::documents, RecordKind::postings, RecordKind::words}) {
      const std::string prefix = chunk_key(kind, account_, chunk_);
      batch_.erase_range(prefix, store::after_prefix(prefix));
    }
    batch_.put(chunk_key(RecordKind::documents, account_, chunk_), encode_documents(documents));
    return {};
  }
  Result<> put(const Block& block) {
    batch_.put(block_key(RecordKind::words, account_, chunk_, block.first), block.words);
    batch_.put(block_key(RecordKind::postings, account_, chunk_, block.first), block.postings);
    octets_ += block.words.size() + block.postings.size();
    return batch_.metadata_size() < kBatchOctets ? Result<>() : commit();
  }
  Result<> commit() {
    if (!batch_.empty()) TRY(tablet_.commit_and_wait(std::exchange(batch_, {})));
    return {};
  }
  [[nodiscard]] std::uint64_t octets() const { return octets_; }

 private:
  store::Tablet& tablet_;
  AccountId account_;
  std::uint32_t chunk_;
  store::Batch batch_;
  std::uint64_t octets_ = 0;
};

/// Walks over the terms of a stored chunk.
class Cursor {
 public:
  Cursor(store::Tablet& tablet, const store::ReadView& view, AccountId account, std::uint32_t chunk)
      : tablet_(tablet), view_(view), account_(account), chunk_(chunk) {}

  /// To the next term; false at the end.
  Result<bool> next() {
    if (!rest_.empty()) {
      const std::size_t end = rest_.find('\n');
      if (end == std::string_view::npos) return fail(kDamaged, "a block of terms");
      term_ = rest_.substr(0, end);
      rest_.remove_prefix(end + 1);
      ++number_;
      return true;
    }
    if (!TRY(next_block())) return false;
    return next();
  }
  [[nodiscard]] std::string_view term() const { return term_; }
  [[nodiscard]] std::string_view list() const { return postings_->list(number_ - 1); }

 private:
  Result<bool> next_block() {
    const std::string prefix = chunk_key(RecordKind::words, account_, chunk_);
    const std::string from = words_.empty() ? prefix : block_key(RecordKind::words, account_, chunk_, first_) + '\0';
    words_.clear();
    TRY(tablet_.scan(from, store::after_prefix(prefix), {.limit = 1},
                     [&](std::string_view key, std::string_view value) {
                       first_ = key.substr(kAfterChunk);
                       words_ = value;
                       return store::Step::stop;
                     },
                     {.view = &view_}));
    if (words_.empty()) return false;
    auto lists = TRY(tablet_.get(block_key(RecordKind::postings, account_, chunk_, first_), {.view = &view_}));
    if (!lists || !words_.starts_with('\n')) return fail(kDamaged, "a block of the index");
    lists_ = *std::move(lists);
    postings_.emplace(lists_);
    if (!postings_->ok()) return fail(kDamaged, "a block of postings");
    rest_ = std::string_view(words_).substr(1);
    number_ = 0;
    return true;
  }

  store::Tablet& tablet_;
  const store::ReadView& view_;
  AccountId account_;
  std::uint32_t chunk_;
  std::string first_;
  std::string words_;
  std::string lists_;
  std::optional<PostingReader> postings_;
  std::string_view rest_;
  std::string_view term_;
  std::size_t number_ = 0;
};

/// One chunk that is merged: where its documents go.
struct Source {
  Cursor cursor;
  std::vector<std::optional<std::uint32_t>> numbers;  ///< nothing: gone
  bool ended = false;
};

Result<> merge_terms(std::vector<Source>& sources, std::size_t documents, const BlockWriter::Ready& ready) {
  BlockWriter writer(documents, ready);
  for (Source& source : sources) source.ended = !TRY(source.cursor.next());
  std::vector<Posting> postings;
  while (true) {
    const Source* least = nullptr;
    for (const Source& source : sources)
      if (!source.ended && (least == nullptr || source.cursor.term() < least->cursor.term())) least = &source;
    if (least == nullptr) return writer.finish();
    const std::string term(least->cursor.term());
    postings.clear();
    for (Source& source : sources) {
      if (source.ended || source.cursor.term() != term) continue;
      const bool read = decode_postings(source.cursor.list(), source.numbers.size(), kAllPlaces, [&](Posting p) {
        if (const auto number = source.numbers[document_of(p)]) postings.push_back(posting(*number, place_of(p)));
      });
      if (!read) return fail(kDamaged, "postings of a term");
      source.ended = !TRY(source.cursor.next());
    }
    std::ranges::sort(postings);
    if (!postings.empty()) TRY(writer.add(term, postings));
  }
}

}  // namespace

std::uint64_t State::documents() const {
  std::uint64_t sum = 0;
  for (const ChunkFacts& chunk : chunks) sum += chunk.documents;
  return sum;
}

std::uint64_t State::octets() const {
  std::uint64_t sum = 0;
  for (const ChunkFacts& chunk : chunks) sum += chunk.octets;
  return sum;
}

std::string State::encode() const {
  std::string out(1, static_cast<char>(kVersion));
  put_number(out, mark);
  put_number(out, next_chunk);
  put_number(out, chunks.size());
  for (const ChunkFacts& chunk : chunks) {
    put_number(out, chunk.id);
    put_number(out, chunk.documents);
    put_number(out, chunk.first);
    put_number(out, chunk.octets);
    store::put_signed(out, chunk.written);
  }
  return out;
}

Result<State> State::decode(std::string_view record) {
  RecordReader reader(record);
  State state;
  const bool known = reader.octet() == kVersion;
  state.mark = reader.number();
  state.next_chunk = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  state.chunks.resize(reader.number_up_to(record.size()));
  for (ChunkFacts& chunk : state.chunks) {
    chunk.id = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
    chunk.documents = static_cast<std::uint32_t>(reader.number_up_to(kDocumentsMax));
    chunk.first = reader.number();
    chunk.octets = reader.number();
    chunk.written = reader.signed_number();
  }
  if (!known || !reader.ok() || !reader.at_end()) return fail(kDamaged, "the state of an index");
  return state;
}

std::optional<Neighbours> due_to_merge(const State& state) {
  const auto& chunks = state.chunks;
  for (std::size_t size = kMergeFactor; size <= kDocumentsMax; size *= kMergeFactor) {
    std::size_t begin = chunks.size();
    while (begin > 0 && chunks[begin - 1].documents < size) --begin;
    if (chunks.size() - begin < kMergeFactor) continue;
    // No more than one chunk may have.
    std::size_t sum = 0;
    std::size_t end = begin;
    while (end < chunks.size() && sum + chunks[end].documents <= kDocumentsMax) sum += chunks[end++].documents;
    // A larger one of small ones comes to the next size, or they would be written again and again.
    const bool grows = sum >= size || end < chunks.size();
    if (grows && end - begin > 1) return Neighbours{begin, end};
  }
  return std::nullopt;
}

Result<State> Index::state() const {
  const auto record = TRY(tablet_.get(record_key(RecordKind::state, account_)));
  return record ? State::decode(*record) : State();
}

Result<State> Index::put(const State& before, State after, std::span<const ChunkFacts> gone) {
  const std::string key = record_key(RecordKind::state, account_);
  store::Batch batch;
  batch.expect(key, before == State() ? std::nullopt : std::optional<std::string>(before.encode()));
  for (const ChunkFacts& chunk : gone) {
    for (const RecordKind kind : {RecordKind::documents, RecordKind::postings, RecordKind::words}) {
      const std::string prefix = chunk_key(kind, account_, chunk.id);
      batch.erase_range(prefix, store::after_prefix(prefix));
    }
  }
  batch.put(key, after.encode());
  auto committed = tablet_.commit_and_wait(std::move(batch));
  if (!committed && committed.error().is(store::kExpectation)) return fail(kChanged, "somebody else indexes, too");
  if (!committed) return std::unexpected(std::move(committed).error());
  return after;
}

Result<ChunkFacts> Index::write(std::uint32_t id, std::span<const Document> documents,
                                const std::function<Result<>(const BlockWriter::Ready&)>& blocks, std::int64_t now) {
  Writing writing(tablet_, account_, id);
  TRY(writing.begin(documents));
  TRY(blocks([&](const Block& block) -> Result<> {
    if (stop_.stop_requested()) return fail(kEnded, "the work was asked to stop");
    return writing.put(block);
  }));
  TRY(writing.commit());
  return ChunkFacts{.id = id,
                    .documents = static_cast<std::uint32_t>(documents.size()),
                    .first = documents.front().email,
                    .octets = writing.octets(),
                    .written = now};
}

Result<State> Index::append(const State& state, const Gatherer& gathered, EmailId mark, std::int64_t now) {
  State after = state;
  after.mark = mark;
  if (!gathered.documents().empty()) {
    after.chunks.push_back(TRY(write(
        after.next_chunk++, gathered.documents(),
        [&](const BlockWriter::Ready& ready) { return gathered.write(ready); }, now)));
  }
  return put(state, std::move(after), {});
}

Result<State> Index::merge(const State& state, Neighbours which, const Alive& alive, std::int64_t now) {
  const std::span merged = std::span(state.chunks).subspan(which.begin, which.end - which.begin);
  const store::ReadView view = TRY(tablet_.view());
  std::vector<Source> sources;
  std::vector<Document> documents;
  for (const ChunkFacts& chunk : merged) {
    const auto record = TRY(tablet_.get(chunk_key(RecordKind::documents, account_, chunk.id), {.view = &view}));
    if (!record) return fail(kDamaged, "a chunk without documents");
    const std::vector<Document> there = TRY(decode_documents(*record));
    std::vector<EmailId> emails;
    for (const Document& document : there) emails.push_back(document.email);
    const std::vector<bool> living = TRY(alive(emails));
    Source source{.cursor = Cursor(tablet_, view, account_, chunk.id), .numbers = {}};
    for (std::size_t i = 0; i < there.size(); ++i) {
      source.numbers.emplace_back();
      if (!living[i]) continue;
      source.numbers.back() = static_cast<std::uint32_t>(documents.size());
      documents.push_back(there[i]);
    }
    sources.push_back(std::move(source));
  }
  State after = state;
  after.chunks.erase(after.chunks.begin() + static_cast<std::ptrdiff_t>(which.begin),
                     after.chunks.begin() + static_cast<std::ptrdiff_t>(which.end));
  if (!documents.empty()) {
    const auto made = TRY(write(
        after.next_chunk++, documents,
        [&](const BlockWriter::Ready& ready) { return merge_terms(sources, documents.size(), ready); }, now));
    after.chunks.insert(after.chunks.begin() + static_cast<std::ptrdiff_t>(which.begin), made);
  }
  return put(state, std::move(after), merged);
}

Result<std::optional<State>> Index::freshen(const State& state, const Alive& alive, std::int64_t before,
                                            std::int64_t now) {
  for (std::size_t i = 0; i < state.chunks.size(); ++i) {
    const ChunkFacts& chunk = state.chunks[i];
    if (chunk.written >= before && chunk.written <= now) continue;
    const auto record = TRY(tablet_.get(chunk_key(RecordKind::documents, account_, chunk.id)));
    if (!record) return fail(kDamaged, "a chunk without documents");
    std::vector<EmailId> emails;
    for (const Document& document : TRY(decode_documents(*record))) emails.push_back(document.email);
    const std::vector<bool> living = TRY(alive(emails));
    if (std::ranges::find(living, false) != living.end()) return TRY(merge(state, {i, i + 1}, alive, now));
    State after = state;
    after.chunks[i].written = now;
    return TRY(put(state, std::move(after), {}));
  }
  return std::nullopt;
}

void Index::erase(AccountId account, store::Batch& batch) {
  for (const RecordKind kind : {RecordKind::state, RecordKind::documents, RecordKind::postings, RecordKind::words}) {
    const std::string prefix = record_key(kind, account);
    batch.erase_range(prefix, store::after_prefix(prefix));
  }
}

Result<> each_indexed(store::Tablet& tablet, const std::function<void(AccountId, const State&)>& each) {
  const std::string prefix = store::KeyWriter().u8(kKeyOctet).u8(static_cast<std::uint8_t>(RecordKind::state)).key();
  return tablet.scan(prefix, store::after_prefix(prefix), {}, [&](std::string_view key, std::string_view value) {
    store::KeyReader reader(key.substr(prefix.size()));
    const AccountId account = reader.u64();
    each(account, State::decode(value).value_or(State()));
    return store::Step::next;
  });
}

}  // namespace angarium::index
