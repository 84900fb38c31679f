// A chunk: the terms of a run of messages, ascending by id, and where they stand. Written once, merged with its
// neighbours later, never changed.
//
//     documents   ids of the messages, by their numbers in the chunk
//     dictionary  "\nTERM\nTERM\n", sorted, in blocks: a search for a part of a term looks through these alone
//     postings    beside each block, for its terms in the same order
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "message/search_text.h"
#include "message/structure.h"
#include "store/codec.h"

namespace angarium::index {

/// The mailbox room's.
using AccountId = std::uint64_t;
using EmailId = std::uint64_t;

/// Where in a message a term stands: as message::TextPlace, and one place more.
inline constexpr unsigned kNamePlace = message::kTextPlaces;  ///< names of the fields of the message's header
inline constexpr unsigned kPlaces = kNamePlace + 1;
using Places = std::uint32_t;  ///< a set of them
inline constexpr Places kAllPlaces = (Places{1} << kPlaces) - 1;

/// Emails above this id are not indexed: the sets a search makes have two bits for each.
inline constexpr EmailId kEmailMax = EmailId{1} << 27;
/// Messages of a chunk: numbers in it stay small, and its table of documents is one value.
inline constexpr std::size_t kDocumentsMax = 32768;
/// Octets of a block of the dictionary, near which it ends: one read, and one search of some microseconds.
inline constexpr std::size_t kBlockOctets = 32 * 1024;
/// Octets of a block's postings, beyond which it ends, too: with those of the last term below store::kValueMax.
inline constexpr std::size_t kBlockPostings = 256 * 1024;
/// Octets of folded text that are looked at in one message: a book has fewer. Of what is longer the index does not know
/// all, and searches read it.
inline constexpr std::size_t kTextMax = std::size_t{4} << 20;
/// Octets of a message that is looked into at all: more are attachments.
inline constexpr std::size_t kMessageMax = std::size_t{64} << 20;

/// One document of a chunk. A message of which the index does not know all is looked into by every search.
struct Document {
  EmailId email = 0;
  bool complete = true;
  friend bool operator==(const Document&, const Document&) = default;
};
std::string encode_documents(std::span<const Document> documents);
Result<std::vector<Document>> decode_documents(std::string_view octets);

/// Document and place in one number, so that they sort by documents.
using Posting = std::uint32_t;
constexpr Posting posting(std::uint32_t document, unsigned place) { return document << 4 | place; }
constexpr std::uint32_t document_of(Posting p) { return p >> 4; }
constexpr unsigned place_of(Posting p) { return p & 15; }
static_assert(kPlaces <= 16);

/// Appends the postings (ascending, each once) of a term in a chunk of so many documents.
void encode_postings(std::string& out, std::span<const Posting> postings, std::size_t documents);

namespace detail {
/// The numbers of the documents at one place: gaps between them, or a bit for each document where that is shorter.
enum class ListForm : std::uint8_t { gaps, bits };

template <class Each>
void decode_list(store::RecordReader& reader, std::size_t documents, const Each& each) {
  const std::uint64_t head = reader.number();
  if ((head & 1) == static_cast<unsigned>(ListForm::bits)) {
    const std::string_view bits = reader.take((documents + 7) / 8);
    for (std::size_t i = 0; i < bits.size(); ++i)
      for (unsigned octet = static_cast<unsigned char>(bits[i]); octet != 0; octet &= octet - 1) {
        const auto number = static_cast<std::uint32_t>(i * 8) + static_cast<std::uint32_t>(std::countr_zero(octet));
        if (number < documents) each(number);
      }
    return;
  }
  std::uint64_t next = 0;
  for (std::uint64_t left = head >> 1; left != 0 && reader.ok(); --left) {
    next += reader.number_up_to(documents);
    if (next >= documents) reader.broken();
    if (reader.ok()) each(static_cast<std::uint32_t>(next++));
  }
}
}  // namespace detail

/// Calls `each` for those in `places`, by places. False: the octets are damaged.
template <class Each>
bool decode_postings(std::string_view octets, std::size_t documents, Places places, const Each& each) {
  store::RecordReader reader(octets);
  auto mask = static_cast<Places>(reader.number_up_to(kAllPlaces));
  for (; mask != 0 && reader.ok(); mask &= mask - 1) {
    const auto place = static_cast<unsigned>(std::countr_zero(mask));
    const bool wanted = (places >> place & 1) != 0;
    detail::decode_list(reader, documents, [&](std::uint32_t number) {
      if (wanted) each(posting(number, place));
    });
  }
  return reader.ok();
}

/// A block that is ready to be stored.
struct Block {
  std::string first;  ///< its first term
  std::string words;
  std::string postings;
};
/// Makes blocks of terms given in their order.
class BlockWriter {
 public:
  using Ready = std::function<Result<>(const Block&)>;
  BlockWriter(std::size_t documents, Ready ready) : documents_(documents), ready_(std::move(ready)) {}
  Result<> add(std::string_view term, std::span<const Posting> postings);
  Result<> finish();

 private:
  std::size_t documents_;
  Ready ready_;
  Block block_;
  std::vector<std::size_t> sizes_;
  std::string lists_;
};

/// Reads the postings of chosen terms of a block, ascending.
class PostingReader {
 public:
  explicit PostingReader(std::string_view postings);
  [[nodiscard]] std::size_t terms() const { return ends_.size(); }
  /// Of the n-th term; empty when there is none.
  [[nodiscard]] std::string_view list(std::size_t term) const;
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::string_view lists_;
  std::vector<std::size_t> ends_;
  bool ok_ = true;
};

/// Gathers the terms of messages in memory until they are worth a chunk.
class Gatherer {
 public:
  /// In the order of ids. `octets`: the message, or its beginning (then it is not complete); `structure`: null when it
  /// is not known.
  void add(EmailId email, std::string_view octets, const message::Structure* structure, bool whole = true);
  /// A message that cannot be read: every search tries it again.
  void add_unread(EmailId email) { documents_.push_back({email, false}); }
  [[nodiscard]] bool full() const;
  [[nodiscard]] const std::vector<Document>& documents() const { return documents_; }
  /// The blocks, in their order.
  Result<> write(const BlockWriter::Ready& ready) const;
  void clear();

 private:
  class Walk;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view term) const { return std::hash<std::string_view>()(term); }
  };
  void put(std::string_view term, unsigned place);

  std::vector<Document> documents_;
  std::unordered_map<std::string, std::vector<Posting>, Hash, std::equal_to<>> terms_;
  std::size_t postings_ = 0;
};

}  // namespace angarium::index
