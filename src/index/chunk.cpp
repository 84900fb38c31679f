#include "index/chunk.h"

#include <algorithm>

#include "index/error.h"
#include "index/words.h"
#include "message/charset.h"
#include "message/encoded_word.h"
#include "store/codec.h"

namespace angarium::index {
namespace {

using detail::ListForm;
using store::put_number;
using store::RecordReader;

/// What is gathered in memory for one chunk: some tens of megabytes.
constexpr std::size_t kGatheredTerms = 200'000;
constexpr std::size_t kGatheredPostings = 4'000'000;

void encode_list(std::string& out, std::span<const std::uint32_t> numbers, std::size_t documents) {
  const std::size_t bits = (documents + 7) / 8;
  // A gap takes at least an octet.
  if (numbers.size() > bits) {
    put_number(out, static_cast<std::uint64_t>(numbers.size()) << 1 | static_cast<unsigned>(ListForm::bits));
    const std::size_t begin = out.size();
    out.resize(begin + bits);
    for (const std::uint32_t number : numbers)
      out[begin + number / 8] = static_cast<char>(out[begin + number / 8] | 1 << number % 8);
    return;
  }
  put_number(out, static_cast<std::uint64_t>(numbers.size()) << 1);
  std::uint32_t next = 0;
  for (const std::uint32_t number : numbers) {
    put_number(out, number - next);
    next = number + 1;
  }
}

}  // namespace

std::string encode_documents(std::span<const Document> documents) {
  std::string out;
  put_number(out, documents.size());
  EmailId next = 0;
  for (const Document& document : documents) {
    put_number(out, (document.email - next) << 1 | (document.complete ? 0 : 1));
    next = document.email + 1;
  }
  return out;
}

Result<std::vector<Document>> decode_documents(std::string_view octets) {
  RecordReader reader(octets);
  std::vector<Document> documents(reader.number_up_to(std::min(octets.size(), kDocumentsMax)));
  EmailId next = 0;
  for (Document& document : documents) {
    const std::uint64_t gap = reader.number_up_to(2 * kEmailMax + 1);
    document = {next + (gap >> 1), (gap & 1) == 0};
    // Sets of emails are as large as the highest id: no octets of a disk may choose that.
    if (document.email > kEmailMax) reader.broken();
    next = document.email + 1;
  }
  if (!reader.ok() || !reader.at_end()) return fail(kDamaged, "a table of indexed messages");
  return documents;
}

void encode_postings(std::string& out, std::span<const Posting> postings, std::size_t documents) {
  Places mask = 0;
  for (const Posting p : postings) mask |= Places{1} << place_of(p);
  put_number(out, mask);
  std::vector<std::uint32_t> numbers;
  for (; mask != 0; mask &= mask - 1) {
    const auto place = static_cast<unsigned>(std::countr_zero(mask));
    numbers.clear();
    for (const Posting p : postings)
      if (place_of(p) == place) numbers.push_back(document_of(p));
    encode_list(out, numbers, documents);
  }
}

Result<> BlockWriter::add(std::string_view term, std::span<const Posting> postings) {
  if (block_.words.empty()) {
    block_.first = term;
    block_.words = "\n";
  }
  block_.words += term;
  block_.words += '\n';
  const std::size_t before = lists_.size();
  encode_postings(lists_, postings, documents_);
  sizes_.push_back(lists_.size() - before);
  if (block_.words.size() < kBlockOctets && lists_.size() < kBlockPostings) return {};
  return finish();
}

Result<> BlockWriter::finish() {
  if (sizes_.empty()) return {};
  put_number(block_.postings, sizes_.size());
  for (const std::size_t size : sizes_) put_number(block_.postings, size);
  block_.postings += lists_;
  TRY(ready_(block_));
  block_ = {};
  sizes_.clear();
  lists_.clear();
  return {};
}

PostingReader::PostingReader(std::string_view postings) {
  RecordReader reader(postings);
  ends_.resize(reader.number_up_to(postings.size()));
  std::size_t end = 0;
  for (std::size_t& at : ends_) at = end += reader.number_up_to(postings.size());
  lists_ = reader.rest();
  ok_ = reader.ok() && end == lists_.size();
  if (!ok_) ends_.clear();
}

std::string_view PostingReader::list(std::size_t term) const {
  if (term >= ends_.size()) return {};
  const std::size_t begin = term == 0 ? 0 : ends_[term - 1];
  return lists_.substr(begin, ends_[term] - begin);
}

/// Puts what a message says into the gatherer.
class Gatherer::Walk final : public message::TextVisitor {
 public:
  explicit Walk(Gatherer& into) : into_(into) {}

  bool field(message::TextPlace place, const message::Field& field) override {
    const bool of_message = (place_bit(place) & message::kHeaderPlaces) != 0;
    put(of_message ? kNamePlace : static_cast<unsigned>(place), field.name);
    put(static_cast<unsigned>(place), message::decode_text(field.value));
    return cut_;
  }
  bool text(message::TextPlace place, std::string_view utf8, Extent extent) override {
    put(static_cast<unsigned>(place), utf8);
    cut_ = cut_ || extent == Extent::partial;
    return cut_;
  }
  [[nodiscard]] bool cut() const { return cut_; }

 private:
  void put(unsigned place, std::string_view utf8) {
    folded_.clear();
    message::append_folded(folded_, utf8);
    octets_ += folded_.size();
    RunReader runs(folded_);
    while (const auto run = runs.next()) each_term(*run, [&](std::string_view term) { into_.put(term, place); });
    cut_ = cut_ || octets_ > kTextMax;
  }

  Gatherer& into_;
  std::string folded_;
  std::size_t octets_ = 0;
  bool cut_ = false;
};

void Gatherer::put(std::string_view term, unsigned place) {
  auto at = terms_.find(term);
  if (at == terms_.end()) at = terms_.emplace(term, std::vector<Posting>()).first;
  const Posting made = posting(static_cast<std::uint32_t>(documents_.size() - 1), place);
  auto& postings = at->second;
  // Those of this document are the last ones, one for each place.
  for (std::size_t i = postings.size(); i-- > 0 && document_of(postings[i]) == document_of(made);)
    if (postings[i] == made) return;
  postings.push_back(made);
  ++postings_;
}

void Gatherer::add(EmailId email, std::string_view octets, const message::Structure* structure, bool whole) {
  documents_.push_back({email, whole});
  Walk walk(*this);
  (void)message::visit_texts(octets, structure, message::kEveryPlace, walk, kTextMax);
  if (walk.cut()) documents_.back().complete = false;
}

bool Gatherer::full() const {
  return documents_.size() >= kDocumentsMax || terms_.size() >= kGatheredTerms || postings_ >= kGatheredPostings;
}

Result<> Gatherer::write(const BlockWriter::Ready& ready) const {
  std::vector<const std::pair<const std::string, std::vector<Posting>>*> sorted;
  sorted.reserve(terms_.size());
  for (const auto& term : terms_) sorted.push_back(&term);
  std::ranges::sort(sorted, {}, [](const auto* term) -> std::string_view { return term->first; });
  BlockWriter writer(documents_.size(), ready);
  for (const auto* term : sorted) TRY(writer.add(term->first, term->second));
  return writer.finish();
}

void Gatherer::clear() {
  documents_.clear();
  terms_.clear();
  postings_ = 0;
}

}  // namespace angarium::index
