// SPDX-License-Identifier: MIT
/*
 * sd_printf() and sd_assert() of compute kernels: text is formatted on the
 * stack, then copied into the queue's log (struct sc_log) in one piece.
 *
 * Invariant of the log: a record's header word is stored last, so that the
 * host never sees half a text; the host zeroes what it consumes, so that a
 * stale header never looks complete.
 */
#include <stdarg.h>
#include <seedchip/kernel.h>

struct out {
	char *text;
	unsigned int used;
};

struct spec {
	bool left, zero, plus, space, alt;
	int width;
	int precision; /* -1: none */
	char conversion;
};

static void put(struct out *o, char c)
{
	if (o->used < SC_LOG_TEXT_MAX)
		o->text[o->used++] = c;
}

/* Text with a sign or 0x in front, padded to the width of the field. */
static void put_field(struct out *o, const struct spec *s, const char *prefix, const char *text,
		      int length)
{
	int pad = s->width - length - (int)strlen(prefix);
	bool zeros = s->zero && !s->left;

	if (!zeros && !s->left)
		for (; pad > 0; pad--)
			put(o, ' ');
	while (*prefix)
		put(o, *prefix++);
	if (zeros)
		for (; pad > 0; pad--)
			put(o, '0');
	for (int i = 0; i < length; i++)
		put(o, text[i]);
	for (; pad > 0; pad--)
		put(o, ' ');
}

static const char *sign_of(const struct spec *s, bool negative)
{
	return negative ? "-" : s->plus ? "+" : s->space ? " " : "";
}

/* Digits of v, at least `least` of them, ending before end. */
static char *digits(char *end, uint64_t v, unsigned int base, bool upper, int least)
{
	const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	const char *stop = end - least;

	while (v || end > stop) {
		/* cppcheck-suppress zerodivcond ; it takes the dividend for the divisor */
		*--end = alphabet[v % base];
		v /= base;
	}
	return end;
}

static unsigned int base_of(char conversion)
{
	switch (conversion) {
	case 'o':
		return 8;
	case 'x':
	case 'X':
		return 16;
	default:
		return 10;
	}
}

static void put_integer(struct out *o, struct spec *s, uint64_t v, bool negative)
{
	bool is_signed = s->conversion == 'd' || s->conversion == 'i';
	unsigned int base = base_of(s->conversion);
	int least = s->precision < 0 ? 1 : s->precision > 64 ? 64 : s->precision;
	char buf[64], *end = buf + sizeof(buf);
	char *text = digits(end, v, base, s->conversion == 'X', least);
	const char *prefix = is_signed ? sign_of(s, negative) : "";

	if (s->alt && v && base == 16)
		prefix = s->conversion == 'X' ? "0X" : "0x";
	if (s->precision >= 0)
		s->zero = false;
	put_field(o, s, prefix, text, end - text);
}

/*
 * v below 2^63 with `places` decimals, ties to even. The fraction is scaled in
 * double precision, which is exact enough for a log, not for an archive.
 */
static int fixed(char *buf, double v, int places)
{
	uint64_t scale = 1, whole = v, fraction, last;
	double scaled;
	char tmp[24], *end = tmp + sizeof(tmp), *start;
	int length = 0;

	for (int i = 0; i < places; i++)
		scale *= 10;
	scaled = (v - whole) * scale;
	fraction = scaled;
	scaled -= fraction;
	last = places ? fraction : whole;
	fraction += scaled > 0.5 || (scaled == 0.5 && last & 1);
	if (fraction >= scale) {
		fraction -= scale;
		whole++;
	}
	for (start = digits(end, whole, 10, false, 1); start < end;)
		buf[length++] = *start++;
	if (places) {
		buf[length++] = '.';
		for (start = digits(end, fraction, 10, false, places); start < end;)
			buf[length++] = *start++;
	}
	return length;
}

/* Scale v into [1, 10) and return the power of ten. */
static int decimal_exponent(double *v)
{
	int exponent = 0;

	if (*v == 0)
		return 0;
	for (; *v >= 10; exponent++)
		*v /= 10;
	for (; *v < 1; exponent--)
		*v *= 10;
	return exponent;
}

/* What %g leaves away: zeros at the end of the fraction. */
static int trim(const char *buf, int length)
{
	int i = 0;

	while (i < length && buf[i] != '.')
		i++;
	if (i == length)
		return length;
	while (buf[length - 1] == '0')
		length--;
	return buf[length - 1] == '.' ? length - 1 : length;
}

static int scientific(char *buf, double v, int places, bool short_form)
{
	int exponent = decimal_exponent(&v);
	int length = fixed(buf, v, places);

	if (buf[1] != '.' && length > 1 && buf[1] == '0') { /* rounded up to 10 */
		exponent++;
		length = fixed(buf, v / 10, places);
	}
	if (short_form)
		length = trim(buf, length);
	buf[length++] = 'e';
	buf[length++] = exponent < 0 ? '-' : '+';
	if (exponent < 0)
		exponent = -exponent;
	if (exponent >= 100)
		buf[length++] = '0' + exponent / 100;
	buf[length++] = '0' + exponent / 10 % 10;
	buf[length++] = '0' + exponent % 10;
	return length;
}

static void put_double(struct out *o, struct spec *s, double v)
{
	bool negative = __builtin_signbit(v);
	int places = s->precision < 0 ? 6 : s->precision > 15 ? 15 : s->precision;
	char buf[64];
	int length;

	if (negative)
		v = -v;
	if (v != v || v > 1.7976931348623157e308) {
		s->zero = false;
		put_field(o, s, sign_of(s, negative), v != v ? "nan" : "inf", 3);
		return;
	}
	if (s->conversion == 'g') {
		double m = v;
		int exponent = decimal_exponent(&m);

		if (!places)
			places = 1;
		if (exponent >= -4 && exponent < places) {
			places -= exponent + 1;
			length = trim(buf, fixed(buf, v, places > 15 ? 15 : places));
		} else {
			length = scientific(buf, v, places - 1, true);
		}
	} else if (s->conversion == 'e' || v >= 1e18) {
		length = scientific(buf, v, places, false);
	} else {
		length = fixed(buf, v, places);
	}
	put_field(o, s, sign_of(s, negative), buf, length);
}

static void put_string(struct out *o, struct spec *s, const char *text)
{
	int length = 0;

	if (!text)
		text = "(null)";
	while (length != s->precision && length < SC_LOG_TEXT_MAX && text[length])
		length++;
	s->zero = false;
	put_field(o, s, "", text, length);
}

static int number(const char **f)
{
	int v = 0;

	for (; **f >= '0' && **f <= '9'; (*f)++)
		if (v <= SC_LOG_TEXT_MAX)
			v = v * 10 + **f - '0';
	return v;
}

static const char *parse_flags(const char *f, struct spec *s)
{
	for (;; f++) {
		switch (*f) {
		case '-':
			s->left = true;
			break;
		case '0':
			s->zero = true;
			break;
		case '+':
			s->plus = true;
			break;
		case ' ':
			s->space = true;
			break;
		case '#':
			s->alt = true;
			break;
		default:
			return f;
		}
	}
}

/* An argument of the length that h, l, z and their like announced: bytes is 1, 2, 4 or 8. */
static void put_integer_argument(struct out *o, struct spec *s, va_list *args, unsigned int bytes)
{
	bool is_signed = s->conversion == 'd' || s->conversion == 'i';
	uint64_t v = bytes == 8 ? va_arg(*args, uint64_t) : va_arg(*args, uint32_t);
	unsigned int cut = 64 - 8 * bytes;
	int64_t signed_v = (int64_t)(v << cut) >> cut;

	if (is_signed)
		put_integer(o, s, signed_v < 0 ? -(uint64_t)signed_v : (uint64_t)signed_v,
			    signed_v < 0);
	else
		put_integer(o, s, v << cut >> cut, false);
}

static void put_argument(struct out *o, struct spec *s, va_list *args, unsigned int bytes)
{
	char c;

	switch (s->conversion) {
	case 'd': case 'i': case 'u': case 'x': case 'X': case 'o':
		put_integer_argument(o, s, args, bytes);
		break;
	case 'p':
		s->alt = true;
		s->conversion = 'x';
		put_integer(o, s, (uintptr_t)va_arg(*args, void *), false);
		break;
	case 'c':
		c = va_arg(*args, int);
		s->zero = false;
		put_field(o, s, "", &c, 1);
		break;
	case 's':
		put_string(o, s, va_arg(*args, const char *));
		break;
	case 'f': case 'e': case 'g':
		put_double(o, s, va_arg(*args, double));
		break;
	default: /* the compiler has warned */
		put(o, '%');
		put(o, s->conversion);
	}
}

static void format_text(struct out *o, const char *f, va_list *args)
{
	for (; *f; f++) {
		struct spec s = { .precision = -1 };
		unsigned int bytes = 4;

		if (*f != '%') {
			put(o, *f);
			continue;
		}
		f = parse_flags(f + 1, &s);
		if (*f == '*') {
			s.width = va_arg(*args, int);
			f++;
		} else {
			s.width = number(&f);
		}
		if (s.width < 0) {
			s.left = true;
			s.width = -s.width;
		}
		if (*f == '.') {
			f++;
			if (*f == '*') {
				s.precision = va_arg(*args, int);
				f++;
			} else {
				s.precision = number(&f);
			}
		}
		for (; *f == 'h' || *f == 'l' || *f == 'z' || *f == 't' || *f == 'j'; f++)
			bytes = *f == 'h' ? bytes / 2 : 8;
		if (!*f)
			return;
		s.conversion = *f;
		if (*f == '%')
			put(o, '%');
		else
			put_argument(o, &s, args, bytes);
	}
}

static void log_write(const char *text, uint32_t length)
{
	struct sc_log *log = (struct sc_log *)SD_CSR_(SC_CSR_LOG);
	uint32_t space = sizeof(uint32_t) + ((length + 3) & ~3u), mask, head;
	uint32_t *header;

	if (!log)
		return;
	mask = log->size - 1;
	head = __atomic_load_n(&log->head, __ATOMIC_RELAXED);
	do {
		uint32_t tail = __atomic_load_n(&log->tail, __ATOMIC_ACQUIRE);

		if (space > log->size - (head - tail)) {
			__atomic_fetch_add(&log->dropped, 1, __ATOMIC_RELAXED);
			return;
		}
	} while (!__atomic_compare_exchange_n(&log->head, &head, head + space, true,
					      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	for (uint32_t i = 0; i < length; i++)
		log->data[(head + sizeof(uint32_t) + i) & mask] = text[i];
	header = (void *)&log->data[head & mask];
	__atomic_store_n(header, SC_LOG_READY | length, __ATOMIC_RELEASE);
}

void sd_printf(const char *format, ...)
{
	char text[SC_LOG_TEXT_MAX];
	struct out o = { .text = text };
	va_list args;

	va_start(args, format);
	format_text(&o, format, &args);
	va_end(args);
	log_write(text, o.used);
}

_Noreturn void sd_assert_failed_(const char *file, int line, const char *condition)
{
	sd_printf("%s:%d: assertion failed: %s\n", file, line, condition);
	for (;;)
		__asm__ volatile("ebreak" ::: "memory");
}
