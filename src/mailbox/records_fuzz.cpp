// Everything that is read back from the store: no octets may crash it, and what is read is written alike.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mailbox/block.h"
#include "mailbox/record.h"

using namespace angarium;
using namespace angarium::mailbox;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void blocks(std::string_view octets) {
  auto block = Block::decode(1, octets);
  const std::string merged =
      merge_block(1, octets.substr(0, octets.size() / 2), std::array{octets.substr(octets.size() / 2)});
  auto folded = Block::decode(1, merged);
  require(block.has_value() == folded.has_value());
  if (!block) return;
  require(block->entries().size() <= 256);
  require(block->tally() == folded->tally());
  auto again = Block::decode(1, block->encode());
  require(again.has_value() && again->encode() == block->encode() && again->tally() == block->tally());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  blocks(octets);
  if (auto set = UidSet::decode(octets)) {
    std::string encoded;
    set->encode(encoded);
    require(UidSet::decode(encoded).value() == *set && UidSet::parse(set->text()).value() == *set);
  }
  (void)UidSet::parse(octets);
  if (auto change = ChangeRecord::decode(7, octets)) require(ChangeRecord::decode(7, change->encode()).has_value());
  if (auto counters = MailboxCounters::decode(octets)) require(MailboxCounters::decode(counters->encode()).has_value());
  (void)AccountCounters::decode(octets);
  (void)MailboxRecord::decode(octets);
  if (auto email = decode_email(1, octets)) require(decode_email(1, encode_email(*email)).has_value());
  EmailView hidden;
  hidden.body.length = keyring::sealed_size(0);
  if (decode_private(octets, hidden)) {
    const std::string encoded = encode_private(hidden);
    EmailView again;
    require(decode_private(encoded, again).has_value() && encode_private(again) == encoded);
  }
  if (auto presentation = Presentation::decode(octets)) (void)presentation->mark_before(size * 1000);
  return 0;
}
