#include "mailbox/facts.h"

#include <sys/mman.h>

#include <algorithm>

#include "base/text.h"
#include "mailbox/limits.h"
#include "mailbox/thread.h"
#include "message/ascii_form.h"
#include "message/content.h"
#include "message/imap_text.h"
#include "message/threading.h"

namespace angarium::mailbox {

namespace {

/// Octets of headers that are read back of one large message: beyond it no texts are kept ready.
constexpr std::uint64_t kHeadersMax = 8u << 20;

/// A message of which only some ranges are there, at their own places; the rest reads as NUL and takes no memory.
class SparseMessage {
 public:
  explicit SparseMessage(std::uint64_t size) : size_(size) {
    octets_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  SparseMessage(const SparseMessage&) = delete;
  SparseMessage& operator=(const SparseMessage&) = delete;
  ~SparseMessage() {
    if (valid()) ::munmap(octets_, size_);
  }
  [[nodiscard]] bool valid() const { return octets_ != MAP_FAILED; }
  [[nodiscard]] std::string_view octets() const { return {static_cast<const char*>(octets_), size_}; }
  void fill(std::uint64_t at, std::string_view octets) { octets.copy(static_cast<char*>(octets_) + at, octets.size()); }

 private:
  void* octets_;
  std::uint64_t size_;
};

Facts::Texts texts_of(const message::Structure& structure, std::string_view message, message::ImapForm form) {
  return {.envelope = message::envelope_text(structure, message, form),
          .body = message::body_text(structure, message, message::BodyForm::body, form),
          .body_structure = message::body_text(structure, message, message::BodyForm::structure, form)};
}

std::size_t size_of(const Facts::Texts& texts) {
  return texts.envelope.size() + texts.body.size() + texts.body_structure.size();
}

/// Whether the two forms of the texts can differ: there is something beyond ASCII, an extended parameter (RFC 2231), or
/// message/global, which for clients without UTF-8 encloses nothing.
bool forms_differ(const message::Structure& structure, std::string_view message) {
  return std::ranges::any_of(structure.parts, [&](const message::Part& part) {
    const std::string_view header = part.header().of(message);
    return !all_ascii(header) || header.contains('*') || structure.is_type(part, message, "message", "global");
  });
}

void make_texts(const message::Structure& structure, std::string_view message, Facts& facts) {
  if (const message::AsciiForm form(structure, message); !form.identity()) facts.ascii_growth = form.growth();
  ThreadFacts threads = thread_facts(structure.root().header().of(message));
  facts.threads = std::move(threads.keys);
  facts.message_id = std::move(threads.message_id);
  facts.references = message::thread_references(structure.root().header().of(message));
  facts.ascii = texts_of(structure, message, message::ImapForm::ascii);
  if (forms_differ(structure, message)) facts.utf8 = texts_of(structure, message, message::ImapForm::utf8);
  facts.preview = message::preview(structure, message);
  facts.ready =
      size_of(facts.ascii) + size_of(facts.utf8) + facts.references.size() + facts.preview.size() <= kReadyTextMax;
  if (!facts.ready) facts.ascii = {};
  if (!facts.ready) facts.references.clear();
  if (!facts.ready) facts.preview.clear();
  if (!facts.ready || facts.utf8 == facts.ascii) facts.utf8 = {};
}

}  // namespace

void FactsReader::feed(std::string_view octets) { show(presenter_.feed(octets, scratch_)); }

void FactsReader::show(std::string_view shown) {
  if (shown.empty()) return;
  line_ended_ = shown.back() == '\n' && (shown.size() > 1 ? shown[shown.size() - 2] : last_) == '\r';
  last_ = shown.back();
  parser_.feed(shown);
}

message::Structure FactsReader::end(Facts& facts) {
  show(presenter_.finish(scratch_));
  facts.open_end = !line_ended_;
  facts.presentation = presenter_.presentation();
  message::Structure structure = parser_.finish();
  facts.structure = message::serialize(structure);
  return structure;
}

Facts FactsReader::finish(std::string_view octets) {
  Facts facts;
  const message::Structure structure = end(facts);
  if (facts.presentation.identity()) {
    make_texts(structure, octets, facts);
  } else {
    Presenter presenter;
    std::string scratch;
    std::string shown(presenter.feed(octets, scratch));
    shown += presenter.finish(scratch);
    make_texts(structure, shown, facts);
  }
  return facts;
}

Result<Facts> FactsReader::finish(store::Tablet& tablet, const StoredBody& body) {
  Facts facts;
  const message::Structure structure = end(facts);
  SparseMessage message(facts.presentation.size());
  if (!message.valid()) return fail(kOutOfMemory, "no address space for a large message");
  std::string header;
  const auto read = [&](const message::Range& range) -> Result<> {
    header.clear();
    return read_shown(tablet, body, facts.presentation, range.begin, static_cast<std::size_t>(range.size),
                      store::Tier::any, header);
  };
  std::uint64_t headers = 0;
  for (const message::Part& part : structure.parts) headers += part.header().size;
  if (headers > kHeadersMax) {
    message::AsciiForm form;
    for (const std::uint32_t index : message::headers_for_ascii(structure)) {
      TRY(read(structure.parts[index].header()));
      form.add(structure.parts[index].header(), header);
    }
    if (!form.identity()) facts.ascii_growth = form.growth();
    return facts;
  }
  for (const message::Part& part : structure.parts) {
    TRY(read(part.header()));
    message.fill(part.header_begin, header);
  }
  // The preview is made of the text that stands first.
  if (const auto text = message::main_text_part(structure, message.octets()); text != message::kNoPart) {
    message::Range range = structure.parts[text].body();
    range.size = std::min<std::uint64_t>(range.size, message::kPreviewSourceMax);
    TRY(read(range));
    message.fill(range.begin, header);
  }
  make_texts(structure, message.octets(), facts);
  return facts;
}

}  // namespace angarium::mailbox
