#include "tls/openssl.hh"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace polis::tls {
namespace {

constexpr std::int64_t kSecondsADay = 86'400;

// Days since 1970.
std::int64_t days_of(int year, unsigned month, unsigned day) {
  using namespace std::chrono;
  return sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day))
      .time_since_epoch()
      .count();
}

// A key with a passphrase is refused; without this OpenSSL asks at the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

}  // namespace

std::string last_error() {
  unsigned long code = 0;
  for (unsigned long next = ERR_get_error(); next != 0; next = ERR_get_error()) code = next;
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "OpenSSL gives no reason" : reason;
}

Bio reader_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string common_name(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return "";
  unsigned char* text = nullptr;
  const int length =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (length < 0) return "";
  std::string name(reinterpret_cast<char*>(text), static_cast<std::size_t>(length));
  OPENSSL_free(text);
  return name;
}

Result<std::vector<Certificate>> certificates_in(const std::string& pem, const std::string& file) {
  const Bio reader = reader_of(pem);
  std::vector<Certificate> found;
  while (true) {
    Certificate one(PEM_read_bio_X509(reader.get(), nullptr, no_passphrase, nullptr));
    if (!one) break;
    found.push_back(std::move(one));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string reason = last_error();
  if (found.empty() || !at_end) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{}: {} can be read as a certificate in PEM form ({})", file,
                            found.empty() ? "nothing" : "not everything", reason));
  }
  return found;
}

Result<Key> key_in(const std::string& pem, const std::string& file) {
  Key key(PEM_read_bio_PrivateKey(reader_of(pem).get(), nullptr, no_passphrase, nullptr));
  if (key) return key;
  const std::string reason = last_error();
  return fail(
      ErrorCode::kInvalid,
      fmt::format("{}: no private key in PEM form without a passphrase ({})", file, reason));
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return days_of(parts.tm_year + 1900, static_cast<unsigned>(parts.tm_mon) + 1,
                 static_cast<unsigned>(parts.tm_mday)) *
             kSecondsADay +
         parts.tm_hour * 3600 + parts.tm_min * 60 + parts.tm_sec;
}

}  // namespace polis::tls
