#include "index/verify.h"

#include "index/error.h"
#include "index/index.h"
#include "index/keys.h"
#include "index/words.h"

namespace angarium::index {
namespace {

/// The index of one account, against itself.
class Check {
 public:
  Check(store::Tablet& tablet, const store::ReadView& view, AccountId account)
      : tablet_(tablet), view_(view), account_(account) {}

  Result<> all(const State& state) {
    EmailId after = 0;
    for (const ChunkFacts& chunk : state.chunks) {
      if (chunk.id >= state.next_chunk) return fail(kDamaged, "a chunk has a number that is still to be given");
      const std::vector<Document> documents = TRY(documents_of(chunk));
      if (documents.front().email <= after) return fail(kDamaged, "chunks are out of order, or one is there twice");
      after = documents.back().email;
      TRY(blocks(chunk));
    }
    if (after > state.mark) return fail(kDamaged, "there are messages above the mark");
    return {};
  }

 private:
  Result<std::vector<Document>> documents_of(const ChunkFacts& chunk) {
    const auto table = TRY(tablet_.get(chunk_key(RecordKind::documents, account_, chunk.id), {.view = &view_}));
    if (!table) return fail(kDamaged, "a chunk without documents");
    std::vector<Document> documents = TRY(decode_documents(*table));
    if (documents.empty() || documents.size() != chunk.documents || documents.front().email != chunk.first)
      return fail(kDamaged, "a chunk has other documents than its state says");
    return documents;
  }

  Result<> blocks(const ChunkFacts& chunk) {
    last_.clear();
    octets_ = 0;
    std::size_t count = 0;
    const std::string prefix = chunk_key(RecordKind::words, account_, chunk.id);
    Result<> outcome;
    TRY(tablet_.scan(prefix, store::after_prefix(prefix), {},
                     [&](std::string_view key, std::string_view words) {
                       ++count;
                       outcome = block(chunk, key.substr(kAfterChunk), words);
                       return outcome ? store::Step::next : store::Step::stop;
                     },
                     {.view = &view_}));
    TRY(std::move(outcome));
    const std::string lists = chunk_key(RecordKind::postings, account_, chunk.id);
    TRY(tablet_.scan(lists, store::after_prefix(lists), {},
                     [&](std::string_view, std::string_view) {
                       --count;
                       return store::Step::next;
                     },
                     {.view = &view_}));
    if (count != 0) return fail(kDamaged, "postings without their terms");
    if (octets_ != chunk.octets) return fail(kDamaged, "a chunk is of another size than its state says");
    return {};
  }

  Result<> block(const ChunkFacts& chunk, std::string_view first, std::string_view words) {
    const auto record = TRY(tablet_.get(block_key(RecordKind::postings, account_, chunk.id, first), {.view = &view_}));
    if (!record) return fail(kDamaged, "a block of terms without postings");
    octets_ += words.size() + record->size();
    const PostingReader postings(*record);
    if (!postings.ok()) return fail(kDamaged, "a block of postings");
    if (!words.starts_with('\n') || !words.substr(1).starts_with(first)) return fail(kDamaged, "a block of terms");
    std::size_t number = 0;
    for (std::string_view rest = words.substr(1); !rest.empty(); ++number) {
      const std::size_t end = rest.find('\n');
      const std::string_view term = rest.substr(0, end);
      if (end == std::string_view::npos || term.size() > kTermMax || term <= last_)
        return fail(kDamaged, "a block of terms");
      if (number == 0 && term != first) return fail(kDamaged, "a block of terms");
      last_ = term;
      rest.remove_prefix(end + 1);
      bool any = false;
      const bool read =
          decode_postings(postings.list(number), chunk.documents, kAllPlaces, [&](Posting) { any = true; });
      if (!read || !any) return fail(kDamaged, "postings of a term");
    }
    if (number != postings.terms()) return fail(kDamaged, "a block has not as many postings as terms");
    return {};
  }

  store::Tablet& tablet_;
  const store::ReadView& view_;
  AccountId account_;
  std::string last_;
  std::uint64_t octets_ = 0;
};

}  // namespace

Result<std::vector<std::string>> verify_indexes(store::Tablet& tablet) {
  const store::ReadView view = TRY(tablet.view());
  const std::string prefix = store::KeyWriter().u8(kKeyOctet).u8(static_cast<std::uint8_t>(RecordKind::state)).key();
  std::vector<std::pair<AccountId, std::string>> states;
  TRY(tablet.scan(prefix, store::after_prefix(prefix), {},
                  [&](std::string_view key, std::string_view value) {
                    states.emplace_back(store::KeyReader(key.substr(prefix.size())).u64(), value);
                    return store::Step::next;
                  },
                  {.view = &view}));
  std::vector<std::string> lines;
  for (const auto& [account, record] : states) {
    const auto state = State::decode(record);
    Result<> sound;
    sound = state ? Check(tablet, view, account).all(*state) : std::unexpected(state.error());
    if (sound || lines.size() >= kIndexFindingsMax) continue;
    if (!sound.error().is(kDamaged)) return std::unexpected(std::move(sound).error());
    lines.push_back("index of account " + std::to_string(account) + ": " + sound.error().text() +
                    " (the mail is not concerned; angarium index rebuild makes it anew)");
  }
  return lines;
}

}  // namespace angarium::index
