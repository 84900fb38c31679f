#include "message/downgrade.h"

#include "message/dots.h"
#include "message/header.h"
#include "message/seven_bit.h"

namespace angarium::message {

bool seven_bit_clean(std::string_view octets) {
  LineScanner lines;
  lines.feed(octets);
  return lines.nul() == 0 && lines.eight_bit() == 0 && lines.longest_line() <= kLineMax;
}

SevenBitMessage to_seven_bit(const Structure& structure, std::string_view message) {
  MessageInString reader(message);
  SevenBitMessage made;
  // What lies in memory is read without errors.
  Result<SevenBitWriter> writer = SevenBitWriter::make(structure, reader, BareLineEnds::pass);
  if (!writer) return made;
  for (Result<bool> more = true; more && *more;) more = writer->next(made.octets);
  made.left = writer->left();
  made.eight_bit_header = writer->eight_bit_header();
  return made;
}

}  // namespace angarium::message
