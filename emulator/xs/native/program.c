#include "xsAll.h"
#include "internals.h"

/* Running a program as the chip does: its code in place, and all that it begins with read-only. */

extern void fxRemapIDs(txMachine* the, txByte* codeBuffer, txSize codeSize, txID* theIDs);

/* Names are numbers in byte code: the script's become the machine's. */
static void nameScript(txMachine* the, txScript* script)
{
	txByte* p = script->symbolsBuffer;
	txID* ids;
	txID count, i;
	if (!p) return;
	mxDecodeID(p, count);
	ids = c_malloc(count * sizeof(txID));
	if (!ids) fxAbort(the, XS_NOT_ENOUGH_MEMORY_EXIT);
	ids[0] = XS_NO_ID;
	for (i = 1; i < count; i++) {
		ids[i] = fxNewNameC(the, (txString)p);
		p += mxStringLength((char*)p) + 1;
	}
	fxRemapIDs(the, script->codeBuffer, script->codeSize, ids);
	c_free(ids);
	script->symbolsBuffer = C_NULL;	/* done; and so XS does not free what functions point to */
}

/* As the SDK's linker does: functions and strings are used where they are, and not copied. */
static void linkScript(txScript* script)
{
	txByte* p = script->codeBuffer;
	txByte* end = p + script->codeSize;
	while (p < end) {
		txU1 code = *((txU1*)p);
		txS1 size = gxCodeSizes[code];
		if (XS_CODE_CODE_1 <= code && code <= XS_CODE_CODE_4)
			*((txU1*)p) = code - XS_CODE_CODE_1 + XS_CODE_CODE_ARCHIVE_1;
		else if (XS_CODE_STRING_1 <= code && code <= XS_CODE_STRING_4)
			*((txU1*)p) = code - XS_CODE_STRING_1 + XS_CODE_STRING_ARCHIVE_1;
		if (size > 0) p += size;
		else if (size == 0) p += 1 + sizeof(txID);
		else if (size == -1) p += 2 + *((txU1*)(p + 1));
		else if (size == -2) {
			txU2 length;
			p++;
			mxDecode2(p, length);
			p += length;
		}
		else {
			txU4 length;
			p++;
			mxDecode4(p, length);
			p += length;
		}
	}
}

void runScript(void* machine, char* text, size_t length)
{
	txMachine* the = machine;
	txSlot* module = mxProgram.value.reference;
	txSlot* realm = mxModuleInstanceInternal(module)->value.module.realm;
	txStringCStream stream = { text, 0, (txSize)length };
	txScript* script = fxParseScript(the, &stream, fxStringCGetter, mxProgramFlag);
	if (script) {
		nameScript(the, script);
		linkScript(script);
	}
	fxRunScript(the, script, mxRealmGlobal(realm), C_NULL, mxRealmClosures(realm)->value.reference, C_NULL, module);
	mxPop();
}

static void freezeInstance(txSlot* instance)
{
	txSlot* property = instance->next;
	instance->flag |= XS_DONT_PATCH_FLAG;
	while (property) {
		if (!(property->flag & XS_INTERNAL_FLAG)) {
			property->flag |= XS_DONT_DELETE_FLAG;
			if (property->kind != XS_ACCESSOR_KIND) property->flag |= XS_DONT_SET_FLAG;
		}
		else if (property->kind == XS_PRIVATE_KIND) {
			txSlot* field = property->value.private.first;
			while (field) {
				if (field->kind != XS_ACCESSOR_KIND) field->flag |= XS_DONT_SET_FLAG;
				field = field->next;
			}
		}
		property = property->next;
	}
}

static void freezeFunction(txMachine* the, txSlot* function)
{
	txSlot* property = function->next;
	freezeInstance(function);
	while (property) {
		if (property->ID == mxID(_prototype) && property->kind == XS_REFERENCE_KIND)
			freezeInstance(property->value.reference);
		property = property->next;
	}
}

void freezeEverything(void* machine)
{
	txMachine* the = machine;
	txSlot* heap;
	int intrinsic;
	for (intrinsic = XS_SYMBOL_ID_COUNT; intrinsic < mxHookInstanceIndex; intrinsic++) {
		txSlot* slot = the->stackPrototypes - 1 - intrinsic;
		if (slot->kind == XS_REFERENCE_KIND)
			freezeInstance(slot->value.reference);
	}
	for (heap = the->firstHeap; heap; heap = heap->next) {
		txSlot* slot = heap + 1;
		txSlot* limit = heap->value.reference;
		for (; slot < limit; slot++) {
			txSlot* internal;
			if (slot->kind != XS_INSTANCE_KIND) continue;
			internal = slot->next;
			if (!internal || !(internal->flag & XS_INTERNAL_FLAG)) continue;
			switch (internal->kind) {
			case XS_CALLBACK_KIND: case XS_CALLBACK_X_KIND: case XS_CODE_KIND: case XS_CODE_X_KIND:
				freezeFunction(the, slot);
				break;
			case XS_ARRAY_BUFFER_KIND: case XS_DATE_KIND:
			case XS_MAP_KIND: case XS_SET_KIND: case XS_WEAK_MAP_KIND: case XS_WEAK_SET_KIND:
				internal->flag |= XS_DONT_SET_FLAG;
				break;
			case XS_REGEXP_KIND:
				freezeInstance(slot);
				break;
			default:
				break;
			}
		}
	}
}
