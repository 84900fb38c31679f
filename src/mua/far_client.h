// `angarium mail`: what its commands do with an account at other hosts. Each is one session or two, and then over.
#pragma once

#include <string>
#include <vector>

#include "mua/far_box.h"
#include "mua/far_send.h"
#include "mua/reply.h"
#include "mua/settings.h"
#include "mua/surroundings.h"

namespace angarium::mua {

enum class Output : std::uint8_t {
  text,
  terminal,  ///< text that a terminal takes: lines are cut to its columns, and no control character reaches it
  json,
};

struct ReadOptions {
  enum class Form : std::uint8_t {
    text,     ///< header fields that people read, and the text
    headers,  ///< all header fields
    raw,      ///< the octets
  };
  Form form = Form::text;
  std::size_t part = 0;      ///< an attachment's octets, counted from 1, instead
  bool keep_unread = false;  ///< its flags stay as they are
};

struct SaveOptions {
  std::string path;      ///< a new file, or a folder; empty: the folder this is run in
  std::size_t part = 0;  ///< an attachment, counted from 1; 0: the whole message
  bool all_parts = false;
};

struct LetterOptions {
  std::vector<std::string> to;  ///< lists of addresses, as typed
  std::vector<std::string> cc;
  std::vector<std::string> bcc;
  std::string subject;
  std::vector<std::string> attachments;  ///< paths
  Answer answer = Answer::to_sender;     ///< of reply()
  bool quote = false;                    ///< of reply(): what is answered stands below, where no editor shows it anyway
};

/// What is printed goes to the terminal of `here`, what went wrong is the error's, in words that say what to do. Bodies
/// of letters come from the terminal: all that is piped in, what the user's editor (`here.editor`, if not empty) makes,
/// or lines to the end of input. On one loop.
class FarClient {
 public:
  FarClient(Surroundings& here, FarTerms terms, Output output)
      : here_(here), terms_(std::move(terms)), output_(output) {}

  io::Task<Result<>> list(std::string mailbox, FarWanted wanted);
  io::Task<Result<>> folders(Counting counting);
  io::Task<Result<>> read(std::string mailbox, std::string word, ReadOptions options);
  /// Nothing is written over, and a name that the message gives leads nowhere but into the folder.
  io::Task<Result<>> save(std::string mailbox, std::string word, SaveOptions options);
  /// kNotTaken…, kPerhapsSent and others: then the letter is in dead.letter, and that is said. While it is under way it
  /// is in ~/unsent-ID.eml. A copy of what was sent
  /// goes to the account's folder for it; when that fails, to a file of the home folder.
  io::Task<Result<>> send(LetterOptions options);
  io::Task<Result<>> reply(std::string mailbox, std::string word, LetterOptions options);
  io::Task<Result<>> forward(std::string mailbox, std::string word, LetterOptions options);
  /// For good. Without UIDPLUS they are only marked: what others marked would go with them.
  io::Task<Result<>> remove(std::string mailbox, std::vector<std::string> words);
  io::Task<Result<>> move(std::string mailbox, std::vector<std::string> words, std::string to);
  io::Task<Result<>> flag(std::string mailbox, std::vector<std::string> words, message::BoxFlags set,
                          message::BoxFlags clear);
  /// Connects and logs in at all its servers; the account as it turned out, with ports and TLS.
  io::Task<Result<MailAccount>> check();

 private:
  io::Task<Result<std::unique_ptr<FarBox>>> open(std::string mailbox, Access access);
  /// A message of the mailbox, by the word that names it; the session is over then.
  struct Got {
    FarId id;
    std::string message;
  };
  io::Task<Result<Got>> get(std::string mailbox, std::string word);
  Result<> may_write() const;
  Result<std::string> write_body(const std::string& start);
  Draft draft_of(const LetterOptions& options) const;
  [[nodiscard]] bool is_own(std::string_view spec) const;
  io::Task<Result<>> post(Draft draft);
  io::Task<Result<>> answered(std::string mailbox, FarId id);
  io::Task<> keep_copy(std::string copy);
  /// False: it could not be kept there.
  bool keep_unsent(const Draft& draft, const Composed& letter);
  Result<std::string> keep_in_home(std::string_view name, std::string_view copy);
  void print(std::string_view text) { here_.terminal.write(text); }
  void complain(std::string_view text);
  void tell_left(bool gone, std::size_t count);

  Surroundings& here_;
  FarTerms terms_;
  Output output_;
  Settings settings_;
};

}  // namespace angarium::mua
