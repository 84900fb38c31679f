// Any server's octets: the reader and the response parser must survive them.
#include "protocol/imap/reader.h"
#include "protocol/imap/response.h"

using namespace angarium::protocol::imap;

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  CommandReader reader(4096);
  std::string_view input(data, size);
  while (!input.empty()) {
    switch (reader.feed(input)) {
      case CommandReader::Event::need_more: break;
      case CommandReader::Event::literal:
        if (reader.fits()) {
          reader.collect();
        } else {
          reader.discard();
        }
        break;
      case CommandReader::Event::line:
        (void)parse_response(reader.text());
        (void)parse_uid_code(reader.text());
        reader.next();
        break;
      case CommandReader::Event::discarded: reader.next(); break;
    }
  }
  return 0;
}
