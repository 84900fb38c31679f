// Everything that is read back from the index: no octets may crash it or make it allocate without bounds, and what is
// read is written alike.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "index/index.h"

using namespace angarium;
using namespace angarium::index;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void state(std::string_view octets) {
  const auto read = State::decode(octets);
  if (!read) return;
  require(State::decode(read->encode()).value() == *read);
  const auto due = due_to_merge(*read);
  require(!due || (due->begin + 1 < due->end && due->end <= read->chunks.size()));
}

void documents(std::string_view octets) {
  const auto read = decode_documents(octets);
  if (!read) return;
  require(read->size() <= kDocumentsMax);
  require(std::ranges::adjacent_find(*read, std::ranges::greater_equal(), &Document::email) == read->end());
  require(read->empty() || read->back().email <= kEmailMax);
  require(decode_documents(encode_documents(*read)).value() == *read);
}

void postings(std::string_view octets, std::size_t documents) {
  const PostingReader reader(octets);
  require(reader.list(reader.terms()).empty());
  for (std::size_t term = 0; term < reader.terms(); ++term) {
    std::vector<Posting> read;
    const auto keep = [&](Posting p) {
      require(document_of(p) < documents && place_of(p) < kPlaces);
      read.push_back(p);
    };
    if (!decode_postings(reader.list(term), documents, kAllPlaces, keep)) continue;
    std::ranges::sort(read);
    std::string written;
    encode_postings(written, read, documents);
    std::vector<Posting> again;
    require(decode_postings(written, documents, kAllPlaces, [&](Posting p) { again.push_back(p); }));
    std::ranges::sort(again);
    require(again == read);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  state(octets);
  documents(octets);
  for (const std::size_t count : {std::size_t{1}, std::size_t{9}, kDocumentsMax}) postings(octets, count);
  return 0;
}
